// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"

#include "weir/algorithm/window_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

weir::window_plan plan_of(std::vector<weir::rate> rates, weir::counting from, std::int64_t concurrent = 0) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = from;
    p.max_concurrent = concurrent;
    return weir::plan_windows(p);
}

weir::redis::redis_options options_of(const weir_test::redis_server& server) {
    auto out = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
    out.command_timeout = 10s;
    return out;
}

/// How often each command was carried out.
std::vector<std::pair<std::string, std::int64_t>> command_counts(weir_test::redis_server& server) {
    std::istringstream all{server.say({"INFO", "commandstats"})};
    std::vector<std::pair<std::string, std::int64_t>> out;
    for (std::string line; std::getline(all, line);) {
        const auto colon = line.find(":calls=");
        if (line.starts_with("cmdstat_") && colon != std::string::npos)
            out.emplace_back(line.substr(8, colon - 8), std::stoll(line.substr(colon + 7)));
    }
    return out;
}

}  // namespace

TEST_CASE("redis: a key at full fill takes at most 64 KiB, and all of it has a time to live") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    for (const auto from : {weir::counting::admission, weir::counting::response}) {
        redis_store store{options_of(server)};
        const std::string host = from == weir::counting::admission ? "a.org" : "b.org";
        auto slot = store.make_slot(host, "metadata");
        const auto plan = plan_of({{5'000, 1h}}, from);
        for (int i = 0; i < 5'000; ++i) {
            weir::entry e;
            REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
            store.settle(slot, plan, e, weir::settlement::released, store.now());
        }
        weir::entry e;
        CHECK_FALSE(store.admit(slot, plan, 1, store.now(), e).admits());
        store.flush();
        std::int64_t bytes = 0;
        for (const std::string& key : server.keys()) {
            if (key.find(host) == std::string::npos)
                continue;
            bytes += server.number({"MEMORY", "USAGE", key, "SAMPLES", "0"});
            const auto left = server.number({"PTTL", key});
            CHECK(left > 3'590'000);
            CHECK(left < 6 * 3'600'000);
        }
        std::cout << "5000/HOUR at full fill, from " << (from == weir::counting::admission ? "admission" : "response")
                  << ": " << bytes << " bytes" << std::endl;
        CHECK(bytes > 5'000 * 8);
        CHECK(bytes <= 64 * 1024);
    }
}

TEST_CASE("redis: twenty thousand idle keys leave nothing behind after their time") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server{{"--hz", "100"}};
    auto options = options_of(server);
    options.entry_ttl = 200ms;
    redis_store store{options};
    const auto counted = plan_of({{40, 100ms}}, weir::counting::admission);
    const auto entered = plan_of({{40, 100ms}}, weir::counting::response);
    constexpr int keys = 20'000;
    for (int i = 0; i < keys; ++i) {
        auto slot = store.make_slot("h" + std::to_string(i) + ".org", "metadata");
        if (i % 10 != 0) {
            REQUIRE(store.count(slot, counted, i % 1'000 == 1 ? 30 : 1, store.now()).admits());
            continue;
        }
        // Some are never settled, and some deep enough for a list.
        weir::entry e;
        REQUIRE(store.admit(slot, entered, 1, store.now(), e).admits());
        if (i % 20 == 0)
            store.settle(slot, entered, e, weir::settlement::released, store.now());
    }
    store.flush();
    const auto before = server.number({"DBSIZE"});
    std::int64_t left = before;
    for (int i = 0; i < 300 && left > 1; ++i) {
        std::this_thread::sleep_for(50ms);
        left = server.number({"DBSIZE"});
    }
    std::cout << "idle keys: " << before << " before, " << left << " left" << std::endl;
    CHECK(left == 1);
    CHECK(server.keys() == std::vector<std::string>{"weir:epoch"});
    CHECK(server.number({"PTTL", "weir:epoch"}) > 0);
}

TEST_CASE("redis: a settlement after its key is gone does not make the key again") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server{{"--hz", "100"}};
    auto options = options_of(server);
    options.entry_ttl = 10ms;
    redis_store store{options};
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = plan_of({{5, 10ms}}, weir::counting::response);
    weir::entry late;
    REQUIRE(store.admit(slot, plan, 1, store.now(), late).admits());
    weir::entry lost;
    REQUIRE(store.admit(slot, plan, 1, store.now(), lost).admits());
    REQUIRE(server.say({"FLUSHALL"}) == "OK");
    store.settle(slot, plan, lost, weir::settlement::released, store.now());
    store.flush();
    CHECK(server.number({"DBSIZE"}) == 0);
    std::this_thread::sleep_for(1500ms);
    store.settle(slot, plan, late, weir::settlement::released, store.now());
    store.flush();
    CHECK(server.number({"DBSIZE"}) == 0);
}

TEST_CASE("redis: hosts and roles of any bytes are names, never commands, and no two share a key") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    redis_store store{options_of(server)};
    weir_test::dice dice{weir_test::seed_for("redis, hostile names")};
    REQUIRE(server.say({"SET", "weir:canary", "alive"}) == "OK");

    const auto all = weir_test::hostile_names(dice, 300,
                                              {
                                                  {"a%7Cb", "c"},
                                                  {"}{", "x"},
                                                  {"x} *2\r\n$8\r\nFLUSHALL\r\n", "metadata"},
                                                  {"\r\n*1\r\n$8\r\nFLUSHALL\r\n", "metadata"},
                                                  {"'); redis.call('FLUSHALL') --", "]] redis.call('FLUSHALL') --[["},
                                              });
    weir_test::check_apart(store, all);
    CHECK(server.say({"GET", "weir:canary"}) == "alive");
    const auto keys = server.keys();
    CHECK(keys.size() == 2 * all.size() + 3);  // each has a head, and the windows of its last plan
    for (const std::string& key : keys) {
        if (key == "weir:canary" || key == "weir:epoch" || key == "weir:holders")
            continue;
        CHECK(key.starts_with("weir:1:{"));
        CHECK(std::ranges::count(key, '{') == 1);
        CHECK(std::ranges::count(key, '}') == 1);
        CHECK(std::ranges::count(key, '|') == 1);
        CHECK(std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; }));
    }
}

TEST_CASE("redis: a decision is one command sent, a settlement another, and none that scans") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    redis_store store{options_of(server)};
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = plan_of({{100, 1h}, {60, 1min}}, weir::counting::response, 3);
    int decisions = 0;
    int settled = 0;
    const auto one = [&] {
        weir::entry e;
        ++decisions;
        if (!store.admit(slot, plan, 1, store.now(), e).admits())
            return;
        ++settled;
        store.settle(slot, plan, e, weir::settlement::released, store.now());
    };
    one();
    REQUIRE(server.say({"CONFIG", "RESETSTAT"}) == "OK");
    decisions = settled = 0;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i)
        one();
    store.flush();
    CHECK(settled == 59);
    // A denial asks for the list of holders, at most once a second.
    const auto lists = 1 + (std::chrono::steady_clock::now() - began) / 1s;
    const std::set<std::string> from_scripts{"time", "get", "set", "del", "lindex", "lpush", "lpop", "rpop", "pexpire"};
    for (const auto& [command, calls] : command_counts(server)) {
        INFO(command);
        if (command == "evalsha") {
            CHECK(calls >= decisions);
            CHECK(calls <= decisions + lists);
        } else if (command == "append")
            CHECK(calls == settled);
        else if (!command.starts_with("config") && command != "info")
            CHECK(from_scripts.contains(command));
    }
}

TEST_CASE("redis: another process finds what one learnt, and unchanged times do not move") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    redis_store one{options_of(server)};
    redis_store other{options_of(server)};
    weir_test::check_learnt(one, other);
}

TEST_CASE("redis: learning sends one command if no process was faster, and writes nothing if nothing changed") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    redis_store store{options_of(server)};
    redis_store other{options_of(server)};
    const auto plan = plan_of({{100, 1h}}, weir::counting::admission);
    auto mine = store.make_slot("h.org", "metadata");
    auto theirs = other.make_slot("h.org", "metadata");
    REQUIRE(store.count(mine, plan, 1, store.now()).admits());
    REQUIRE(other.count(theirs, plan, 1, other.now()).admits());
    const auto more = [](weir::tuner_state s) { return ++s.answers, s; };
    const auto same = [](const weir::tuner_state& s) { return s; };
    const auto calls = [&](std::string_view name) {
        for (const auto& [command, count] : command_counts(server))
            if (command == name)
                return count;
        return std::int64_t{0};
    };
    REQUIRE(server.say({"CONFIG", "RESETSTAT"}) == "OK");
    for (int i = 1; i <= 20; ++i)
        CHECK(store.learn(mine, more).answers == i);
    CHECK(calls("evalsha") == 20);
    const auto writes = calls("set");
    for (int i = 0; i < 20; ++i)
        CHECK(store.learn(mine, same).answers == 20);
    CHECK(calls("evalsha") == 40);
    CHECK(calls("set") == writes);
    // Who has not heard of it asks twice, and once from then on.
    CHECK(other.learn(theirs, more).answers == 21);
    CHECK(calls("evalsha") == 42);
    CHECK(other.learn(theirs, more).answers == 22);
    CHECK(calls("evalsha") == 43);
}

TEST_CASE("redis: the tuner's state exists until the factor has recovered, however short the windows are") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto options = options_of(server);
    options.entry_ttl = 10ms;
    redis_store store{options};
    const auto plan = plan_of({{100, 10ms}}, weir::counting::admission);
    auto slot = store.make_slot("h.org", "metadata");
    const std::string head = "weir:1:{h.org|metadata}";
    const auto left = [&](const std::string& key) { return server.number({"PTTL", key}); };
    const auto recover_in = [&](weir::duration span) {
        return store.learn(slot, [&](weir::tuner_state s) {
            s.factor = weir::multiplier::of(0.5);
            s.recovered = store.now() + span;
            return s;
        });
    };
    // A key that had nothing else.
    static_cast<void>(recover_in(1h));
    CHECK(left(head) > 3'590'000);
    CHECK(left(head + ":t") > 86'400'000 + 3'590'000);
    // What is heard later prolongs it, without a new factor too; what is admitted does not shorten it.
    static_cast<void>(recover_in(3h));
    REQUIRE(store.count(slot, plan, 1, store.now()).admits());
    CHECK(store.factor(slot) == weir::multiplier::of(0.5));
    CHECK(left(head) > 3 * 3'590'000);
    CHECK(left(head) < 3 * 3'600'000 + 60'000);
    CHECK(left(head + ":t") > left(head));
    // Nothing is left once it is erased, but what is to live for its entries.
    store.erase(slot);
    CHECK(left(head + ":t") == -2);
    // A span without an end is a long one.
    static_cast<void>(store.learn(slot, [](weir::tuner_state s) { return s.recovered = weir::far_future, s; }));
    CHECK(left(head) > 365LL * 86'400'000);
    CHECK(left(head + ":t") > left(head));
}

TEST_CASE("redis: stores with different prefixes or databases are independent") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const auto plan = plan_of({{1, 1h}}, weir::counting::admission);
    for (const char* tail : {"/0", "/1", "/1?prefix=other"}) {
        redis_store store{weir::redis::parse_redis_dsn(server.tcp() + tail).value()};
        auto slot = store.make_slot("h.org", "metadata");
        CHECK(store.count(slot, plan, 1, store.now()).admits());
        CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
    }
}

TEST_CASE("redis: keys of one prefix are listed with the windows of their last plan, and others are not") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto options = options_of(server);
    options.prefix = "a[b]*";
    redis_store store{options};
    CHECK(store.keys().empty());
    const std::vector<std::pair<std::string, std::string>> names{
        {"a.org:8080", "meta|data"}, {"b.org", "r\xc3\xb6le}"}, {"[::1]", ""}};
    for (const auto& [host, role] : names) {
        auto slot = store.make_slot(host, role);
        REQUIRE(store.count(slot, plan_of({{10, 1h}, {3, 1s}}, weir::counting::admission), 1, store.now()).admits());
        REQUIRE(store.count(slot, plan_of({{9, 1h}}, weir::counting::admission, 4), 1, store.now()).admits());
    }
    options.prefix = "aba";
    redis_store other{options};
    auto slot = other.make_slot("c.org", "r");
    REQUIRE(other.count(slot, plan_of({{10, 1h}}, weir::counting::admission), 1, other.now()).admits());
    static_cast<void>(server.say({"SET", "a[b]*:1:{no bar}", "x"}));

    auto listed = store.keys();
    REQUIRE(listed.size() == names.size());
    std::ranges::sort(listed, {}, &weir::stored_key::host);
    CHECK(listed[0].host == "[::1]");
    CHECK(listed[0].role.empty());
    CHECK(listed[1].host == "a.org:8080");
    CHECK(listed[1].role == "meta|data");
    CHECK(listed[2].role == "r\xc3\xb6le}");
    for (const auto& key : listed) {
        REQUIRE(key.windows.size() == 1);
        CHECK(key.windows[0].limit == 9);
        CHECK(key.windows[0].period == 1h);
        CHECK(key.max_concurrent == 4);
    }
    CHECK(other.keys().size() == 1);
}

TEST_CASE("redis: thousands of other keys on the server do not hide ours from the listing") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    static_cast<void>(server.say({"EVAL", "for i = 1, 5000 do redis.call('SET', 'other:' .. i, i) end return 1", "0"}));
    redis_store store{options_of(server)};
    for (int i = 0; i < 50; ++i) {
        auto slot = store.make_slot("h" + std::to_string(i), "r");
        REQUIRE(store.count(slot, plan_of({{10, 1h}}, weir::counting::admission), 1, store.now()).admits());
    }
    CHECK(store.keys().size() == 50);
}
