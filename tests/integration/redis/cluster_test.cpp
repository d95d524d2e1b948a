// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/cluster.hpp"
#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/store_checks.hpp"
#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// A real Cluster: each key is on one primary server, and stays within its rates while its slot moves, and while its
// server is killed and a replica takes over.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;
using weir_test::rates;
using weir_test::redis_cluster;
using weir_test::trouble_of;
using weir_test::wait_for;

redis_store store_at(const std::string& dsn) { return redis_store{weir::redis::parse_redis_dsn(dsn).value()}; }

/// What four processes do with some hosts for some time, while one more does something to the Cluster.
struct cluster_load {
    weir_test::arrivals seen{};
    int failed = 0;
    std::map<int, std::int64_t> longest_gap{};  // of each host, in ms

    template <class Fault>
    cluster_load(redis_cluster& servers, const std::string& dsn, const std::vector<std::string>& hosts,
                 std::vector<weir::rate> limits_of_all, std::chrono::milliseconds time, Fault&& fault) {
        auto config = weir_test::limited(std::move(limits_of_all), weir::counting::response);
        seen = weir_test::seen_in_processes(5, servers[0].folder(), failed, [&](int p, weir_test::arrivals& mine) {
            const auto end = std::chrono::steady_clock::now() + time;
            if (p == 4) {
                std::this_thread::sleep_for(400ms);
                return fault();
            }
            weir::registry limits{store_at(dsn), config};
            for (std::size_t i = static_cast<std::size_t>(p); std::chrono::steady_clock::now() < end; ++i) {
                const auto host = static_cast<int>(i % hosts.size());
                auto got = limits.wait_acquire(hosts[static_cast<std::size_t>(host)], "metadata", {.max_delay = 20ms});
                if (!got)
                    continue;
                auto permit = std::move(got).take();
                mine.note(host, limits.store().now().time_since_epoch().count());
                permit.arrived();
            }
            try {
                limits.store().flush();
            } catch (const weir::store_error& e) {
                std::cerr << "flush: " << e.what() << std::endl;
            }
        });
        for (auto& [host, times] : seen.of_key) {
            std::ranges::sort(times);
            std::int64_t& longest = longest_gap[host];
            for (std::size_t i = 1; i < times.size(); ++i)
                longest = std::max(longest, (times[i] - times[i - 1]) / 1'000'000);
        }
    }
    [[nodiscard]] std::int64_t longest(int first, int last) {
        std::int64_t out = 0;
        for (int host = first; host < last; ++host)
            out = std::max(out, longest_gap[host]);
        return out;
    }
};

}  // namespace

TEST_CASE("redis cluster: every verb works on keys of all nodes, by one address and without the word cluster") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers;
    const auto plan = weir::plan_windows(rates({{3, 1h}}));
    for (const std::string& dsn : {servers.dsn(1), servers[0].tcp(), servers[1].unix_dsn(), servers.dsn()}) {
        INFO(dsn);
        auto store = store_at(dsn + "?prefix=p" + std::to_string(dsn.size()));
        for (int n = 0; n < 12; ++n) {
            const std::string host = "h" + std::to_string(n) + ".org";
            auto slot = store.make_slot(host, "metadata");
            for (int i = 0; i < 3; ++i) {
                weir::entry e;
                REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
                store.settle(slot, plan, e, weir::settlement::released, store.now());
            }
            weir::entry e;
            CHECK_FALSE(store.admit(slot, plan, 1, store.now(), e).admits());
            CHECK(store.hold(slot, store.now() + 1h));
            store.open_gate(slot);
            store.tune(slot, weir::multiplier::of(0.5));
            CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 1);
        }
        store.flush();
        for (int n = 0; n < 12; ++n) {
            auto slot = store.make_slot("h" + std::to_string(n) + ".org", "metadata");
            const auto read = store.read(slot, plan, store.now());
            CHECK(read.open == 0);
            CHECK(read.windows.at(0).used == 3);
        }
        CHECK(store.keys().size() == 12);
        CHECK(store.alive() == 1);
        CHECK(store.holders().size() == 1);
        CHECK(store.losses() == 0);
        CHECK_FALSE(store.take_notice().has_value());
    }
    for (std::size_t i = 0; i < redis_cluster::primaries; ++i)
        CHECK(servers[i].number({"DBSIZE"}) > 5);
}

TEST_CASE("redis cluster: what does not fit is named") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers;
    weir_test::redis_server alone;
    auto no_cluster = store_at("redis+cluster://127.0.0.1:" + std::to_string(alone.port()));
    CHECK(trouble_of(no_cluster).find("write redis:// instead of redis+cluster://") != std::string::npos);
    auto database = store_at(servers[0].tcp() + "/3");
    // Valkey 9 can have several, if it is set up for them.
    const std::string said = trouble_of(database);
    CHECK(
        (said.find("only database 0") != std::string::npos || said.find("the database's number") != std::string::npos));
    auto nowhere = store_at("redis+cluster://127.0.0.1:1,127.0.0.1:2");
    const std::string none = trouble_of(nowhere);
    CHECK(none.find("127.0.0.1:1") != std::string::npos);
    CHECK(none.find("127.0.0.1:2") != std::string::npos);
    auto one_dead = store_at("redis+cluster://127.0.0.1:1,127.0.0.1:" + std::to_string(servers[2].port()));
    CHECK(trouble_of(one_dead).empty());

    const std::vector<std::string> rule{"ACL",      "SETUSER", "limiter",      "on",    ">pw",   "~weir:*", "-@all",
                                        "+evalsha", "+append", "+script|load", "+set",  "+get",  "+del",    "+time",
                                        "+pexpire", "+lindex", "+lpush",       "+lpop", "+rpop", "+info"};
    for (std::size_t i = 0; i < servers.size(); ++i)
        REQUIRE(servers[i].say(rule) == "OK");
    const std::string with_user = "redis+cluster://limiter:pw@127.0.0.1:" + std::to_string(servers[0].port());
    auto lacking = store_at(with_user);
    CHECK(trouble_of(lacking).find("CLUSTER SLOTS") != std::string::npos);
    for (std::size_t i = 0; i < servers.size(); ++i)
        REQUIRE(servers[i].say({"ACL", "SETUSER", "limiter", "+cluster|slots", "+asking"}) == "OK");
    auto allowed = store_at(with_user);
    for (int n = 0; n < 6; ++n)
        CHECK(trouble_of(allowed, rates({{10, 1s}}), "h" + std::to_string(n) + ".org").empty());
}

TEST_CASE("redis cluster: a slot that moves takes its keys along: nothing is lost, and no key warms up") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers;
    const auto plan = weir::plan_windows(rates({{40, 1h}}));
    // Slot 0 has the epoch of the first server too.
    for (const bool with_epoch : {false, true}) {
        auto store = store_at(servers.dsn());
        std::string host = redis_cluster::hosts_on(0, 1).front();
        for (int n = 0; with_epoch && redis_cluster::slot_of(host) != 0; ++n)
            host = "e" + std::to_string(n) + ".org";
        auto slot = store.make_slot(host, "metadata");
        const std::uint16_t number = redis_cluster::slot_of(host);
        const auto admits = [&](weir::entry& e) { return store.admit(slot, plan, 1, store.now(), e).admits(); };
        for (int i = 0; i < 30; ++i) {
            weir::entry e;
            REQUIRE(admits(e));
            if (i > 1)
                store.settle(slot, plan, e, weir::settlement::released, store.now());
        }
        weir::entry open;
        REQUIRE(admits(open));
        servers.begin_move(number, 0, 1);
        servers.move_keys(number, 0, 1, 0ms);
        // The other server has the key now, and this one still the slot.
        weir::entry e;
        bool asked = false;
        for (int i = 0; i < 3 && !asked; ++i) {
            try {
                asked = admits(e);
            } catch (const weir::store_error& error) {
                INFO(error.what());
                CHECK(std::string{error.what()}.find("TRYAGAIN") != std::string::npos);
            }
        }
        store.settle(slot, plan, open, weir::settlement::released, store.now());
        servers.end_move(number, 0, 1);
        for (int i = 0; i < 40; ++i)
            if (admits(e))
                store.settle(slot, plan, e, weir::settlement::released, store.now());
        store.flush();
        const auto read = store.read(slot, plan, store.now());
        CHECK(read.windows.at(0).used == 40);
        CHECK(read.open <= 3);
        CHECK(store.losses() == 0);
        auto late = store_at(servers.dsn());
        auto there = late.make_slot(host, "metadata");
        CHECK_FALSE(late.admit(there, plan, 1, late.now(), e).admits());
        for (const std::string& other : redis_cluster::hosts_on(0, 3))
            CHECK(trouble_of(late, rates({{10, 1s}}), other).empty());
        for (redis_store* one : {&store, &late})
            while (auto notice = one->take_notice())
                CHECK(notice->text.empty());
    }
}

TEST_CASE("redis cluster: slots move under the load of four processes: no window over, and no key is stuck") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers;
    std::vector<std::string> hosts;
    for (std::size_t i = 0; i < redis_cluster::primaries; ++i)
        for (std::string& host : redis_cluster::hosts_on(i, 4))
            hosts.push_back(std::move(host));
    cluster_load l{servers, servers.dsn(), hosts, {{20, 200ms}, {60, 1s}}, 4s, [&] {
                       for (int round = 0; round < 2; ++round)
                           for (const std::string& host : hosts) {
                               const auto slot = redis_cluster::slot_of(host);
                               const auto home =
                                   (redis_cluster::first_home(slot) + static_cast<std::size_t>(round)) % 3;
                               servers.move_slot(slot, home, (home + 1) % 3, 5ms);
                           }
                   }};
    const auto longest = l.longest(0, static_cast<int>(hosts.size()));
    std::cout << "slots moved: " << l.seen.count() << " requests, longest gap " << longest << " ms" << std::endl;
    CHECK(l.failed == 0);
    CHECK(l.seen.of_key.size() == hosts.size());
    CHECK(l.seen.windows_over(20, 200'000'000) == 0);
    CHECK(l.seen.windows_over(60, 1'000'000'000) == 0);
    CHECK(longest < 2'500);
    auto store = store_at(servers.dsn());
    const auto plan = weir::plan_windows(rates({{20, 200ms}, {60, 1s}}));
    std::int64_t open = 0;
    for (const std::string& host : hosts) {
        auto slot = store.make_slot(host, "metadata");
        open += store.read(slot, plan, store.now()).open;
    }
    CHECK(open == 0);
}

TEST_CASE("redis cluster: a primary server is killed under load, and its replica takes over: no window over") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers{1};
    std::vector<std::string> hosts;
    for (std::size_t i = 0; i < redis_cluster::primaries; ++i)
        for (std::string& host : redis_cluster::hosts_on(i, 2))
            hosts.push_back(std::move(host));
    const auto victim = servers[servers.primary_of(1)].pid();
    cluster_load l{servers, servers.dsn(), hosts, {{20, 300ms}}, 5s, [&] { ::kill(victim, SIGKILL); }};
    std::cout << "a primary killed: " << l.seen.count() << " requests, longest gap there " << l.longest(2, 4)
              << " ms, elsewhere " << std::max(l.longest(0, 2), l.longest(4, 6)) << " ms" << std::endl;
    CHECK(l.failed == 0);
    CHECK(l.seen.of_key.size() == hosts.size());
    CHECK(l.seen.windows_over(20, 300'000'000) == 0);
    // It was away, and it came back.
    CHECK(l.longest(2, 4) > 300);
    CHECK(l.longest(2, 4) < 5'000);
    for (int host = 2; host < 4; ++host)
        CHECK(l.seen.of_key[host].back() > l.seen.of_key[0].back() - 2'000'000'000);
    // The keys of the others do not warm up.
    CHECK(std::max(l.longest(0, 2), l.longest(4, 6)) < 1'500);
}

TEST_CASE("redis cluster: a replica that lags takes over: the keys of its server warm up, for all, and no others") {
    WEIR_NEEDS_REDIS();
    redis_cluster servers{1};
    const auto plan = weir::plan_windows(rates({{10, 4s}}));
    const std::string lost = redis_cluster::hosts_on(1, 1).front();
    const std::string kept = redis_cluster::hosts_on(0, 1).front();
    const auto asks = [&](redis_store& store, const std::string& host, int count) {
        auto slot = store.make_slot(host, "metadata");
        int admitted = 0;
        for (int i = 0; i < count; ++i) {
            weir::entry e;
            if (!store.admit(slot, plan, 1, store.now(), e).admits())
                continue;
            ++admitted;
            store.settle(slot, plan, e, weir::settlement::released, store.now());
        }
        return admitted;
    };
    auto knew = store_at(servers.dsn());
    auto other = store_at(servers.dsn());
    CHECK(asks(knew, lost, 1) == 1);
    CHECK(asks(knew, kept, 1) == 1);
    CHECK(asks(other, redis_cluster::hosts_on(1, 2).back(), 1) == 1);
    knew.flush();
    const std::size_t primary = servers.primary_of(1);
    const std::size_t replica = primary == 1 ? 4 : 1;
    wait_for("copy of the key", [&] { return servers[replica].number({"DBSIZE"}) >= 2; });
    std::this_thread::sleep_for(50ms);
    servers[replica].freeze();
    CHECK(asks(knew, lost, 12) == 9);
    knew.flush();
    servers[primary].kill();
    servers[replica].thaw();
    // The socket still has what it did not read, so this replica may have had all. It cannot know.
    wait_for("new primary server", [&] { return servers[replica].say({"ROLE"}).starts_with("master"); });
    auto late = store_at(servers.dsn());
    int after = 0;
    for (redis_store* one : {&late, &other, &knew})
        wait_for("answer", [&] {
            try {
                after += asks(*one, lost, 12);
                return true;
            } catch (const weir::store_error&) {
                return false;
            }
        });
    CHECK(after == 0);
    CHECK(asks(knew, kept, 12) == 9);
    CHECK(knew.losses() >= 1);
    std::string said;
    while (auto notice = knew.take_notice())
        said += notice->text;
    INFO(said);
    CHECK(said.find("has lost history") != std::string::npos);
    CHECK(said.find(":" + std::to_string(servers[replica].port())) != std::string::npos);
}
