// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"

#include "weir/registry/registry.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Values under a key's names that this store did not write.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

std::string random_bytes(weir_test::dice& dice, std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out)
        c = static_cast<char>(dice.from(0, 255));
    return out;
}

/// Every verb works on the key, ignores the foreign value, and leaves no value without a time to live.
void check_counts_nothing(weir_test::redis_server& server, const std::string& host) {
    redis_store store{weir::redis::parse_redis_dsn(server.unix_dsn() + "?on_lost_history=ignore").value()};
    const auto plan = weir::plan_windows(weir_test::rates({{4, 1h}, {50, 2h}}));
    auto slot = store.make_slot(host, "metadata");
    int admitted = 0;
    for (int i = 0; i < 6; ++i) {
        weir::entry e;
        if (!store.admit(slot, plan, 1, store.now(), e).admits())
            continue;
        ++admitted;
        store.settle(slot, plan, e, weir::settlement::released, store.now());
    }
    CHECK(admitted == 4);
    CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 4);
    for (const std::string& key : server.keys())
        CHECK(server.number({"PTTL", key}) > 0);
}

}  // namespace

TEST_CASE("redis: settlements without a head are no head, at any number") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::dice dice{weir_test::seed_for("redis notes without a head")};
    const auto plan = weir::plan_windows(weir_test::rates({{4, 1h}}));
    for (std::size_t n = 1; n <= 100; ++n) {
        INFO(n << " notes");
        for (const int first : {0, 1, 2, 3, 4}) {
            REQUIRE(server.say({"FLUSHALL"}) == "OK");
            std::string notes;
            for (std::size_t i = 0; i < n; ++i) {
                notes += random_bytes(dice, 16);
                notes += static_cast<char>(dice.from(0, 9));
            }
            static_cast<void>(server.say({"APPEND", "weir:1:{h.org|metadata}", notes}));
            redis_store store{weir::redis::parse_redis_dsn(server.unix_dsn() + "?on_lost_history=ignore").value()};
            auto slot = store.make_slot("h.org", "metadata");
            if (first == 0)
                CHECK(store.count(slot, plan, 1, store.now()).admits());
            else if (first == 1)
                CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 0);
            else if (first == 2)
                CHECK(store.hold(slot, store.now() + 1ms));
            else if (first == 3)
                CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 1);
            else
                store.erase(slot);
            std::this_thread::sleep_for(first == 2 ? 2ms : 0ms);
            const auto f = store.count(slot, plan, 1, store.now());
            CHECK(f.admits());
            CHECK(server.number({"PTTL", "weir:1:{h.org|metadata}"}) > 0);
        }
    }
}

TEST_CASE("redis: permits are open when all data is deleted: the key warms up, and works again") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    for (const int permits : {1, 6, 7, 8, 20, 60}) {
        INFO(permits << " permits");
        const std::string host = "k" + std::to_string(permits) + ".org";
        weir::policy p = weir_test::rates({{100, 200ms}});
        p.max_delay = 0s;
        weir::registry limits{redis_store{weir::redis::parse_redis_dsn(server.tcp()).value()},
                              weir::configuration::builder{}.defaults("metadata", p).build().value()};
        std::vector<decltype(limits)::permit> open;
        for (int i = 0; i < permits; ++i)
            open.push_back(limits.acquire(host, "metadata"));
        REQUIRE(server.say({"FLUSHALL"}) == "OK");
        for (auto& permit : open)
            permit.arrived();
        open.clear();
        int granted = 0;
        for (int i = 0; i < 3; ++i) {
            std::this_thread::sleep_for(250ms);
            granted += limits.try_acquire(host, "metadata") ? 1 : 0;
        }
        CHECK(granted >= 2);
        limits.store().flush();
        for (const std::string& key : server.keys())
            CHECK(server.number({"PTTL", key}) > 0);
    }
}

TEST_CASE("redis: another program's value under a key's names is ignored, of any type") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::dice dice{weir_test::seed_for("redis foreign values")};
    const std::string host = "y.org";
    const std::string head = "weir:1:{y.org|metadata}";
    for (const std::string& key : {head, head + ":s", head + ":t"}) {
        std::vector<std::vector<std::string>> makers{{"RPUSH", key, "a", "b"}, {"RPUSH", key, std::string(128, 'x')},
                                                     {"HSET", key, "a", "b"},  {"SADD", key, "a"},
                                                     {"ZADD", key, "1", "a"},  {"SET", key, ""}};
        for (int i = 0; i < 40; ++i)
            makers.push_back({"SET", key, random_bytes(dice, static_cast<std::size_t>(dice.from(1, 500)))});
        for (const auto& maker : makers) {
            INFO(maker[0] << " at " << key);
            REQUIRE(server.say({"FLUSHALL"}) == "OK");
            static_cast<void>(server.say(maker));
            if (key == head) {
                check_counts_nothing(server, host);
                continue;
            }
            redis_store store{weir::redis::parse_redis_dsn(server.unix_dsn() + "?on_lost_history=ignore").value()};
            auto slot = store.make_slot(host, "metadata");
            CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 1);
            CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 2);
            static_cast<void>(server.say({"DEL", key}));
            static_cast<void>(server.say(maker));
            // The window needs the list: nothing is admitted above the window, and no verb fails.
            const auto plan = weir::plan_windows(weir_test::rates({{200, 1h}}, weir::counting::admission));
            int admitted = 0;
            for (int i = 0; i < 220; ++i)
                admitted += store.count(slot, plan, 1, store.now()).admits() ? 1 : 0;
            CHECK(admitted == 200);
            CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 200);
        }
    }
}

TEST_CASE("redis: a head that is too short or too long is no head, and a replaced list counts as full") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::dice dice{weir_test::seed_for("redis damaged heads")};
    const std::string head = "weir:1:{y.org|metadata}";
    for (int i = 0; i < 60; ++i) {
        REQUIRE(server.say({"FLUSHALL"}) == "OK");
        redis_store store{weir::redis::parse_redis_dsn(server.unix_dsn() + "?on_lost_history=ignore").value()};
        const auto plan = weir::plan_windows(weir_test::rates({{100, 1h}}));
        auto slot = store.make_slot("y.org", "metadata");
        weir::entry e;
        for (int k = 0; k < 10; ++k)
            REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
        store.flush();
        const std::string whole = server.say({"GET", head});
        if (i % 2 == 0)
            static_cast<void>(
                server.say({"SET", head, whole.substr(0, static_cast<std::size_t>(dice.from(0, 300)) % whole.size())}));
        else
            static_cast<void>(
                server.say({"APPEND", head, random_bytes(dice, static_cast<std::size_t>(1 + dice.from(0, 15)))}));
        auto again = store.make_slot("y.org", "metadata");
        CHECK(store.admit(again, plan, 1, store.now(), e).admits());
        CHECK(store.read(again, plan, store.now()).open <= 11);
        CHECK(server.number({"PTTL", head}) > 0);
    }
    REQUIRE(server.say({"FLUSHALL"}) == "OK");
    redis_store store{weir::redis::parse_redis_dsn(server.unix_dsn()).value()};
    const auto plan = weir::plan_windows(weir_test::rates({{200, 1h}}, weir::counting::admission));
    auto slot = store.make_slot("y.org", "metadata");
    int admitted = 0;
    for (int i = 0; i < 220; ++i) {
        if (i % 50 == 49) {
            static_cast<void>(server.say({"DEL", head + ":s"}));
            static_cast<void>(server.say({"SET", head + ":s", "another program's"}));
        }
        admitted += store.count(slot, plan, 1, store.now()).admits() ? 1 : 0;
    }
    CHECK(admitted <= 200);
}
