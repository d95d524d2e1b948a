// SPDX-License-Identifier: MIT
#pragma once

#include "integration/redis/support/server.hpp"
#include "stage.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir_soak {

/// Redis, and what may happen to it.
class redis_subject {
public:
    static constexpr std::string_view kind = "redis";

    [[nodiscard]] static std::string missing() {
        return weir_test::redis_server::program().empty() ? "no redis-server or valkey-server is here" : "";
    }
    [[nodiscard]] static std::vector<fault> faults() {
        return {{"none"},
                {"kill -9 of half of the processes", promise::all, true, true},
                {"SIGSTOP of half of the processes, 1.2 s"},
                {"FLUSHALL", promise::shortest, true},
                // Nothing on the server shows that it is not new, until a process that knew it has connected again.
                {"restart without its data", promise::shortest, true, false, std::chrono::milliseconds{700}},
                {"restart from an old snapshot", promise::shortest, true},
                {"eviction of every key", promise::shortest},
                {"another program's value at the key", promise::shortest},
                {"SCRIPT FLUSH"},
                {"CLIENT PAUSE 1.5 s"},
                {"connections killed for 1 s"},
                {"SIGSTOP of the server, 1.5 s"},
                {"no memory left for 1 s"}};
    }

    explicit redis_subject(const fault&) { server_.emplace(); }
    [[nodiscard]] std::string dsn() const { return server_->unix_dsn(); }

    void apply(const fault& f, stage& on) {
        using namespace std::chrono_literals;
        auto& server = *server_;
        const auto say = [&](const std::vector<std::string>& words) { static_cast<void>(server.say(words)); };
        if (f.name == "FLUSHALL") {
            say({"FLUSHALL"});
        } else if (f.name == "restart without its data") {
            on.is_away();
            server.kill();
            server.start();
            on.is_back();
        } else if (f.name == "restart from an old snapshot") {
            say({"SAVE"});
            stage::wait(400ms);
            on.is_away();
            server.kill();
            server.start();
            on.is_back();
        } else if (f.name == "eviction of every key") {
            on.is_away();
            say({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"});
            say({"CONFIG", "SET", "maxmemory", "1"});
            stage::wait(200ms);
            say({"CONFIG", "SET", "maxmemory", "0"});
            on.is_back();
        } else if (f.name == "another program's value at the key") {
            say({"SET", "weir:1:{k0.org|metadata}", std::string(300, 'x')});
        } else if (f.name == "SCRIPT FLUSH") {
            say({"SCRIPT", "FLUSH"});
        } else if (f.name == "CLIENT PAUSE 1.5 s") {
            on.is_away();
            say({"CLIENT", "PAUSE", "1500"});
            stage::wait(1500ms);
            on.is_back();
        } else if (f.name == "connections killed for 1 s") {
            for (int i = 0; i < 10; ++i) {
                say({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
                stage::wait(100ms);
            }
        } else if (f.name == "SIGSTOP of the server, 1.5 s") {
            on.is_away();
            server.freeze();
            stage::wait(1500ms);
            server.thaw();
            on.is_back();
        } else if (f.name == "no memory left for 1 s") {
            on.is_away();
            say({"CONFIG", "SET", "maxmemory", "1"});
            stage::wait(1000ms);
            say({"CONFIG", "SET", "maxmemory", "0"});
            on.is_back();
        }
    }

private:
    std::optional<weir_test::redis_server> server_;
};

}  // namespace weir_soak
