// SPDX-License-Identifier: MIT
#pragma once

#include "integration/postgres/support/server.hpp"
#include "stage.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir_soak {

/// Postgres, and what may happen to it.
class postgres_subject {
public:
    static constexpr std::string_view kind = "postgres";

    [[nodiscard]] static std::string missing() {
        return weir_test::postgres_server::programs().empty() ? "no Postgres server is here" : "";
    }
    [[nodiscard]] static std::vector<fault> faults() {
        return {{"none"},
                {"kill -9 of half of the processes", promise::all, false, true},
                {"SIGSTOP of half of the processes, 1.2 s"},
                {"kill -9 of the server", promise::all, true},
                {"kill -9, synchronous_commit off", promise::shortest},
                {"kill -9, unlogged tables", promise::shortest, true},
                {"pg_terminate_backend for 1 s", promise::all, true},
                {"the hot key's row locked for 0.9 s", promise::all, true},
                {"SIGSTOP of the server, 1.5 s"},
                {"DROP SCHEMA", promise::shortest, true},
                {"DELETE FROM state", promise::none},
                {"DELETE FROM key", promise::none}};
    }

    explicit postgres_subject(const fault& f) {
        server_.emplace(std::vector<std::string>{"synchronous_commit=on"});
        if (f.name == "kill -9, synchronous_commit off")
            more_ = "weir_synchronous_commit=off";
        else if (f.name == "kill -9, unlogged tables")
            more_ = "weir_unlogged=on";
    }
    [[nodiscard]] std::string dsn() const { return server_->plain_dsn(more_ + " weir_connect_timeout_ms=5000"); }

    void apply(const fault& f, stage& on) {
        using namespace std::chrono_literals;
        auto& server = *server_;
        const auto run = [&](const std::string& text) { static_cast<void>(server.run(text, "dbname=limits")); };
        if (f.name.starts_with("kill -9") && !f.kills_holders) {
            on.is_away();
            server.kill();
            server.start();
            on.is_back();
        } else if (f.name == "pg_terminate_backend for 1 s") {
            for (int i = 0; i < 10; ++i) {
                run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'limiter'");
                stage::wait(100ms);
            }
        } else if (f.name == "the hot key's row locked for 0.9 s") {
            on.is_away();
            run("BEGIN; SELECT FROM weir.state s JOIN weir.key k USING (id) WHERE k.host = 'k0.org' FOR UPDATE OF s; "
                "SELECT pg_sleep(0.9); COMMIT");
            on.is_back();
        } else if (f.name == "SIGSTOP of the server, 1.5 s") {
            on.is_away();
            server.freeze();
            stage::wait(1500ms);
            server.thaw();
            on.is_back();
        } else if (f.name == "DROP SCHEMA") {
            run("DROP SCHEMA weir CASCADE");
        } else if (f.name == "DELETE FROM state") {
            run("DELETE FROM weir.state");
        } else if (f.name == "DELETE FROM key") {
            run("DELETE FROM weir.key");
        }
    }

private:
    std::optional<weir_test::postgres_server> server_;
    std::string more_;
};

}  // namespace weir_soak
