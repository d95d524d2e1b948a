// SPDX-License-Identifier: MIT
#pragma once

#include "integration/redis/support/server.hpp"

#include "weir/ext/redis/detail/slot_map.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// Waits until `is_met`, some seconds at most.
inline void wait_for(const std::string& what, const std::function<bool()>& is_met) {
    for (int i = 0; i < 1'500; ++i) {
        if (is_met())
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    throw std::runtime_error{"in 15 s there is no " + what};
}

/// A Redis Cluster of our own on loopback ports: three primary servers, and a replica of each if asked for. It is
/// stopped with its owner. Nodes that do not answer for half a second have failed.
class redis_cluster {
public:
    static constexpr std::size_t primaries = 3;

    explicit redis_cluster(std::size_t replicas = 0, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{"--cluster-enabled",
                                       "yes",
                                       "--cluster-config-file",
                                       "nodes.conf",
                                       "--cluster-node-timeout",
                                       "500",
                                       "--cluster-require-full-coverage",
                                       "no",
                                       "--cluster-replica-validity-factor",
                                       "0",
                                       "--repl-ping-replica-period",
                                       "1",
                                       "--repl-diskless-sync-delay",
                                       "0"};
        words.insert(words.end(), more.begin(), more.end());
        for (std::size_t i = 0; i < primaries * (1 + replicas); ++i)
            nodes_.push_back(std::make_unique<redis_server>(words, port_with_bus()));
        for (std::size_t i = 0; i < primaries; ++i) {
            std::vector<std::string> command{"CLUSTER", "ADDSLOTS"};
            for (std::size_t slot = first_of(i); slot < first_of(i + 1); ++slot)
                command.push_back(std::to_string(slot));
            expect_ok(i, command);
            expect_ok(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
        }
        for (std::size_t i = 0; i < nodes_.size(); ++i)
            for (std::size_t j = 0; j < nodes_.size(); ++j)
                if (i < j)
                    expect_ok(i, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes_[j]->port())});
        for (std::size_t i = primaries; i < nodes_.size(); ++i) {
            const std::string of = id(i % primaries);
            wait_for("node " + of, [&] { return nodes_[i]->say({"CLUSTER", "REPLICATE", of}) == "OK"; });
        }
        for (const auto& one : nodes_) {
            wait_for("whole cluster", [&] {
                const std::string info = one->say({"CLUSTER", "INFO"});
                return info.find("cluster_state:ok") != std::string::npos &&
                       info.find("cluster_known_nodes:" + std::to_string(nodes_.size())) != std::string::npos &&
                       info.find("cluster_slots_ok:16384") != std::string::npos;
            });
        }
        for (std::size_t i = primaries; i < nodes_.size(); ++i)
            wait_for("replica", [&] {
                return nodes_[i]->say({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
            });
        for (std::size_t i = 0; i < primaries; ++i)
            wait_for("replicas in the map", [&] {
                std::size_t ports = 0;
                std::istringstream lines{nodes_[i]->say({"CLUSTER", "SLOTS"})};
                for (std::string line; std::getline(lines, line);)
                    for (const auto& one : nodes_)
                        ports += line == std::to_string(one->port());
                return ports == nodes_.size();
            });
    }

    [[nodiscard]] redis_server& operator[](std::size_t i) noexcept { return *nodes_[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
    /// The connection text, with so many addresses.
    [[nodiscard]] std::string dsn(std::size_t addresses = primaries) const {
        std::string out = "redis+cluster://";
        for (std::size_t i = 0; i < addresses; ++i)
            out += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(nodes_[i]->port());
        return out;
    }
    [[nodiscard]] std::string id(std::size_t i) { return nodes_[i]->say({"CLUSTER", "MYID"}); }
    [[nodiscard]] static std::uint16_t slot_of(const std::string& host) {
        return weir::redis::detail::hash_slot("weir:1:{" + host + "|metadata}");
    }
    /// The primary server that had a slot at first.
    [[nodiscard]] static std::size_t first_home(std::uint16_t slot) noexcept {
        std::size_t i = 0;
        while (slot >= first_of(i + 1))
            ++i;
        return i;
    }
    /// The node that has these slots now. On a machine that is short of time, a replica may have taken over already.
    [[nodiscard]] std::size_t primary_of(std::size_t i) {
        while (i + primaries < nodes_.size() && !nodes_[i]->say({"ROLE"}).starts_with("master"))
            i += primaries;
        return i;
    }
    /// Hosts whose keys are on the primary server `i` at first.
    [[nodiscard]] static std::vector<std::string> hosts_on(std::size_t i, std::size_t count) {
        std::vector<std::string> out;
        for (int n = 0; out.size() < count; ++n)
            if (std::string host = "h" + std::to_string(n) + ".org"; first_home(slot_of(host)) == i)
                out.push_back(std::move(host));
        return out;
    }

    /// Begins to move a slot.
    void begin_move(std::uint16_t slot, std::size_t from, std::size_t to) {
        const std::string number = std::to_string(slot);
        expect_ok(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", id(from)});
        expect_ok(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", id(to)});
    }
    /// Moves the keys, one by one.
    void move_keys(std::uint16_t slot, std::size_t from, std::size_t to, std::chrono::milliseconds pause) {
        for (;;) {
            std::istringstream names{nodes_[from]->say({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1"})};
            std::string name;
            if (!std::getline(names, name))
                return;
            std::this_thread::sleep_for(pause);
            const std::string port = std::to_string(nodes_[to]->port());
            const std::string said = nodes_[from]->say({"MIGRATE", "127.0.0.1", port, name, "0", "2000"});
            if (said != "OK" && said != "NOKEY")
                throw std::runtime_error{"MIGRATE: " + said};
        }
    }
    void end_move(std::uint16_t slot, std::size_t from, std::size_t to) {
        const std::string owner = id(to);
        expect_ok(to, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", owner});
        expect_ok(from, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", owner});
    }
    void move_slot(std::uint16_t slot, std::size_t from, std::size_t to, std::chrono::milliseconds pause) {
        begin_move(slot, from, to);
        move_keys(slot, from, to, pause);
        end_move(slot, from, to);
    }

private:
    [[nodiscard]] static std::size_t first_of(std::size_t i) noexcept {
        return (i * weir::redis::detail::hash_slots + primaries - 1) / primaries;
    }
    /// A port whose bus port, ten thousand above it, is free too.
    [[nodiscard]] static std::uint16_t port_with_bus() {
        static std::uint16_t next = static_cast<std::uint16_t>(20'000 + ::getpid() * 37 % 9'000);
        const auto is_free = [](std::uint16_t port) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in at{};
            at.sin_family = AF_INET;
            at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            at.sin_port = htons(port);
            const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
            ::close(fd);
            return bound;
        };
        for (int i = 0; i < 1'000; ++i) {
            next = next >= 31'000 ? 20'000 : static_cast<std::uint16_t>(next + 1);
            if (is_free(next) && is_free(static_cast<std::uint16_t>(next + 10'000)))
                return next;
        }
        throw std::runtime_error{"no free ports for a cluster"};
    }
    void expect_ok(std::size_t i, const std::vector<std::string>& words) {
        if (const std::string said = nodes_[i]->say(words); said != "OK")
            throw std::runtime_error{words[0] + " " + words[1] + ": " + said};
    }

    std::vector<std::unique_ptr<redis_server>> nodes_;
};

}  // namespace weir_test
