// SPDX-License-Identifier: MIT
#pragma once

#include "integration/redis/support/cluster.hpp"
#include "integration/redis/support/server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir_test {

/// A primary server with two replicas, and three Sentinels that watch it under the name `limits`. A server that does
/// not answer for 300 ms has failed.
class redis_sentinels {
public:
    /// `settings` are further lines of the Sentinels' configuration, `more` further arguments of the servers.
    explicit redis_sentinels(const std::string& settings = {}, const std::vector<std::string>& more = {}) {
        for (std::size_t i = 0; i < 3; ++i) {
            std::vector<std::string> words{"--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0"};
            words.insert(words.end(), more.begin(), more.end());
            if (i > 0)
                words.insert(words.end(), {"--replicaof", "127.0.0.1", std::to_string(servers_[0]->port())});
            servers_.push_back(std::make_unique<redis_server>(words));
        }
        for (std::size_t i = 1; i < 3; ++i)
            wait_for("replica", [&] {
                return servers_[i]->say({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
            });
        for (std::size_t i = 0; i < 3; ++i) {
            const std::string file = servers_[i]->folder() + "/sentinel.conf";
            std::ofstream{file} << "sentinel monitor limits 127.0.0.1 " << servers_[0]->port() << " 2\n"
                                << "sentinel down-after-milliseconds limits 300\n"
                                << "sentinel failover-timeout limits 3000\n"
                                << settings;
            sentinels_.push_back(std::make_unique<redis_server>(redis_server::sentinel{file}));
        }
        for (const auto& one : sentinels_)
            wait_for("Sentinels that know each other", [&] {
                const std::string info = one->say({"INFO", "sentinel"});
                return info.empty() || info.starts_with("NOAUTH") ||
                       info.find("slaves=2,sentinels=3") != std::string::npos;
            });
    }

    [[nodiscard]] redis_server& operator[](std::size_t i) noexcept { return *servers_[i]; }
    [[nodiscard]] redis_server& sentinel(std::size_t i) noexcept { return *sentinels_[i]; }
    /// The Sentinels' addresses, the first of them at a port where nobody listens if `one_lost`.
    [[nodiscard]] std::string addresses(bool one_lost = false) const {
        std::string out = one_lost ? "127.0.0.1:1" : "";
        for (const auto& one : sentinels_)
            out += (out.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(one->port());
        return out;
    }
    [[nodiscard]] std::string dsn() const { return "redis+sentinel://" + addresses() + "/limits"; }
    /// The present primary server; 3 if there is none.
    [[nodiscard]] std::size_t primary() {
        std::size_t i = 0;
        while (i < 3 && !(servers_[i]->pid() > 0 && servers_[i]->say({"ROLE"}).starts_with("master")))
            ++i;
        return i;
    }

private:
    std::vector<std::unique_ptr<redis_server>> servers_;
    std::vector<std::unique_ptr<redis_server>> sentinels_;
};

}  // namespace weir_test
