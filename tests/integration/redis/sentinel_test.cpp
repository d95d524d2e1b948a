// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/sentinels.hpp"
#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/store_checks.hpp"

#include "weir/registry/registry.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

// Real Sentinels that name the primary server, and servers of which one is the primary.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;
using weir_test::rates;
using weir_test::redis_sentinels;
using weir_test::trouble_of;
using weir_test::wait_for;

redis_store watched_store(const std::string& dsn) { return redis_store{weir::redis::parse_redis_dsn(dsn).value()}; }

int admitted_by(redis_store& store, const std::string& host, int count, std::chrono::seconds period) {
    const auto plan = weir::plan_windows(rates({{10, period}}));
    auto slot = store.make_slot(host, "metadata");
    int admitted = 0;
    for (int i = 0; i < count; ++i) {
        weir::entry e;
        if (!store.admit(slot, plan, 1, store.now(), e).admits())
            continue;
        ++admitted;
        store.settle(slot, plan, e, weir::settlement::released, store.now());
    }
    store.flush();
    return admitted;
}

}  // namespace

TEST_CASE("redis sentinel: the primary server is found, also if a Sentinel is lost, and every fault is named") {
    WEIR_NEEDS_REDIS();
    redis_sentinels servers;
    auto store = watched_store("redis+sentinel://" + servers.addresses(true) + "/limits/0");
    CHECK(admitted_by(store, "h.org", 12, 100s) == 10);
    CHECK(servers[0].number({"EXISTS", "weir:1:{h.org|metadata}"}) == 1);

    auto other = watched_store("redis+sentinel://" + servers.addresses() + "/other");
    const std::string unknown = trouble_of(other);
    INFO(unknown);
    CHECK(unknown.find("knows no primary server with the name \"other\"") != std::string::npos);
    auto no_sentinel = watched_store("redis+sentinel://127.0.0.1:" + std::to_string(servers[0].port()) + "/limits");
    CHECK(trouble_of(no_sentinel).find("it is no Sentinel") != std::string::npos);
    auto nowhere = watched_store("redis+sentinel://127.0.0.1:1/limits");
    CHECK(trouble_of(nowhere).find("127.0.0.1:1") != std::string::npos);
    auto to_sentinel = watched_store("redis://127.0.0.1:" + std::to_string(servers.sentinel(0).port()));
    CHECK(trouble_of(to_sentinel).find("redis+sentinel://") != std::string::npos);
}

TEST_CASE("redis sentinel: Sentinels and servers have passwords of their own") {
    WEIR_NEEDS_REDIS();
    redis_sentinels servers{"requirepass hunter2\n", {"--user", "limiter", "on", ">hunter3", "~*", "&*", "+@all"}};
    const std::string at = "redis+sentinel://limiter:hunter3@" + servers.addresses() + "/limits";
    auto both = watched_store(at + "?sentinel_password=hunter2");
    CHECK(trouble_of(both).empty());
    auto without = watched_store(at);
    const std::string missing = trouble_of(without);
    INFO(missing);
    CHECK(missing.find("write sentinel_password=") != std::string::npos);
    auto wrong = watched_store(at + "?sentinel_password=hunter4");
    const std::string refused = trouble_of(wrong);
    INFO(refused);
    CHECK(refused.find("check sentinel_user and sentinel_password") != std::string::npos);
    CHECK((missing + refused).find("hunter") == std::string::npos);
}

TEST_CASE("redis sentinel: the primary server is killed under load, and a replica takes over: no window over") {
    WEIR_NEEDS_REDIS();
    redis_sentinels servers;
    weir_test::load l{[&] { return watched_store(servers.dsn()); }, rates({{20, 300ms}}),
                      [&] {
                          servers[0].kill();
                          wait_for("new primary server", [&] { return servers.primary() < 3; });
                      },
                      2s, 4};
    l.tell("a primary killed, with Sentinels");
    CHECK(l.seen.windows_over(20, 300 * weir_test::load::ms) == 0);
    CHECK(l.losses >= 1);
    CHECK(l.open_at_end == 0);
    CHECK(l.first_after < 2'000 * weir_test::load::ms);
    CHECK(l.longest_gap < 8'000 * weir_test::load::ms);
}

TEST_CASE(
    "redis sentinel: a failover by command: open connections follow, history counts as lost, and the event says so") {
    WEIR_NEEDS_REDIS();
    redis_sentinels servers;
    auto knew = watched_store(servers.dsn() + "?pool=1");
    CHECK(admitted_by(knew, "k.org", 12, 4s) == 10);
    std::this_thread::sleep_for(200ms);
    wait_for("failover", [&] {
        const std::string said = servers.sentinel(1).say({"SENTINEL", "FAILOVER", "limits"});
        return said == "OK" || said.find("INPROG") != std::string::npos;
    });
    // The old one goes on for eight seconds as if nothing had happened.
    const std::string port = std::to_string(servers[0].port());
    wait_for("announcement", [&] {
        for (std::size_t i = 0; i < 3; ++i)
            if (servers.sentinel(i).say({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "limits"}).find(port) !=
                std::string::npos)
                return false;
        return true;
    });
    CHECK(servers[0].say({"ROLE"}).starts_with("master"));
    auto late = watched_store(servers.dsn());
    int after = 0;
    for (redis_store* one : {&knew, &late})
        wait_for("answer", [&] {
            try {
                after += admitted_by(*one, "k.org", 12, 4s);
                return true;
            } catch (const weir::store_error&) {
                return false;
            }
        });
    CHECK(after == 0);
    CHECK(knew.losses() >= 1);
    std::string said;
    while (auto notice = knew.take_notice())
        said += notice->text;
    INFO(said);
    CHECK(said.find("has lost history: a replica took over") != std::string::npos);
    CHECK(said.find(port) == std::string::npos);
}

TEST_CASE("redis, several addresses: the primary server is the one that is used, whichever it is") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server first;
    weir_test::redis_server second{{"--replicaof", "127.0.0.1", std::to_string(first.port())}};
    wait_for("replica",
             [&] { return second.say({"INFO", "replication"}).find("master_link_status:up") != std::string::npos; });
    const std::string both =
        "redis://127.0.0.1:" + std::to_string(second.port()) + ",127.0.0.1:" + std::to_string(first.port());
    auto store = watched_store(both + "?pool=1");
    CHECK(admitted_by(store, "k.org", 4, 2s) == 4);
    CHECK(first.number({"EXISTS", "weir:1:{k.org|metadata}"}) == 1);
    // The operator turns them round. The open connection gets READONLY, and the verb is done by the other server.
    REQUIRE(second.say({"REPLICAOF", "NO", "ONE"}) == "OK");
    REQUIRE(first.say({"REPLICAOF", "127.0.0.1", std::to_string(second.port())}) == "OK");
    CHECK(admitted_by(store, "k.org", 12, 2s) == 0);
    CHECK(store.losses() >= 1);
    std::this_thread::sleep_for(2s);
    CHECK(admitted_by(store, "k.org", 12, 2s) == 10);
    second.kill();
    std::this_thread::sleep_for(10ms);
    const std::string said = trouble_of(store);
    INFO(said);
    CHECK(said.find("no primary server is found") != std::string::npos);
    CHECK(said.find("it is a replica") != std::string::npos);
    CHECK(said.find(std::to_string(second.port())) != std::string::npos);
}

TEST_CASE("redis: a function gives user and password for each connection, as tokens that expire need it") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const auto permit = [&](const std::string& token) {
        return server.say({"ACL", "SETUSER", "iam", "reset", "on", ">" + token, "~weir:*", "+@all"});
    };
    REQUIRE(permit("token1") == "OK");
    std::string token = "token1";
    std::atomic<int> asked = 0;
    auto options =
        weir::redis::parse_redis_dsn("redis://127.0.0.1:" + std::to_string(server.port()) + "?pool=1").value();
    options.credentials = [&]() -> weir::result<weir::redis::redis_credentials> {
        ++asked;
        if (token.empty())
            return weir::error{weir::errc::store_failed, "the token service is away"};
        if (token == "throw")
            throw std::runtime_error{"no token file"};
        return weir::redis::redis_credentials{"iam", token};
    };
    redis_store store{options};
    for (int i = 0; i < 5; ++i)
        CHECK(trouble_of(store).empty());
    CHECK(asked == 1);
    // The token has changed: the server ends the connections of the user, and the next one has the new token.
    REQUIRE(permit("token2") == "OK");
    token = "token2";
    static_cast<void>(server.say({"CLIENT", "KILL", "USER", "iam"}));
    std::this_thread::sleep_for(10ms);
    CHECK(trouble_of(store).empty());
    CHECK(asked == 2);
    for (const std::string wrong : {"", "throw", "old"}) {
        token = wrong;
        static_cast<void>(server.say({"CLIENT", "KILL", "USER", "iam"}));
        std::this_thread::sleep_for(600ms);  // the pause after a failed connection
        const std::string said = trouble_of(store);
        INFO(said);
        CHECK(said.find(wrong.empty()      ? "the token service is away"
                        : wrong == "throw" ? "no token file"
                                           : "check user and password") != std::string::npos);
    }
    std::this_thread::sleep_for(600ms);
    token = "token2";
    CHECK(trouble_of(store).empty());
}
