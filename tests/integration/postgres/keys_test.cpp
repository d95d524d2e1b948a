// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"

#include "weir/algorithm/window_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::postgres::postgres_store;
using weir_test::postgres_server;

weir::window_plan plan_of(std::vector<weir::rate> rates, weir::counting from, std::int64_t concurrent = 0) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = from;
    p.max_concurrent = concurrent;
    return weir::plan_windows(p);
}

postgres_store patient_store(std::string_view more) {
    auto options = weir::postgres::parse_postgres_dsn(postgres_server::common().plain_dsn(more)).value();
    options.command_timeout = 10s;
    options.connect_timeout = 10s;
    return postgres_store{options};
}

/// What the database says, asked by somebody else.
std::int64_t asked(const std::string& text) { return std::stoll(postgres_server::common().run(text, "dbname=limits")); }

}  // namespace

TEST_CASE("postgres: hosts and roles of any bytes are names, never commands, and no two share a key") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=hostile");
    weir_test::dice dice{weir_test::seed_for("postgres, hostile names")};
    const auto all =
        weir_test::hostile_names(dice, 100,
                                 {
                                     {"ab", "c"},
                                     {"a", "bc"},
                                     {"A", "bc"},
                                     {"'; DROP SCHEMA hostile CASCADE; --", "'); DELETE FROM hostile.state; --"},
                                     {"\\'; DROP SCHEMA hostile CASCADE; --", "$$; SELECT 1; $$"},
                                     {"$1", "{1,2}"},
                                 });
    weir_test::check_apart(store, all);
    CHECK(asked("SELECT count(*) FROM hostile.key") == static_cast<std::int64_t>(all.size()));
    CHECK(asked("SELECT count(*) FROM hostile.state WHERE cardinality(recent) = 1") ==
          static_cast<std::int64_t>(all.size()));
}

TEST_CASE("postgres: several schemas are independent, and one may have the name of a keyword") {
    WEIR_NEEDS_POSTGRES();
    const auto plan = plan_of({{1, 1h}}, weir::counting::admission);
    for (const char* more : {"weir_schema=side_a", "weir_schema=side_b weir_unlogged=on", "weir_schema=select"}) {
        auto store = patient_store(more);
        auto slot = store.make_slot("h.org", "metadata");
        CHECK(store.count(slot, plan, 1, store.now()).admits());
        CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
    }
}

TEST_CASE("postgres: the whole history of a window is there when it reaches far beyond the key's row") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=deep weir_synchronous_commit=off");
    const auto plan = plan_of({{2'000, 1h}, {1'990, 30min}}, weir::counting::admission);
    auto slot = store.make_slot("h.org", "metadata");
    weir_test::dice dice{weir_test::seed_for("postgres, a deep log")};
    std::int64_t used = 0;
    weir::entry last;
    std::int64_t last_cost = 0;
    while (used < 1'990) {
        const std::int64_t cost = std::min<std::int64_t>(1'990 - used, dice.chance(20) ? dice.from(1, 90) : 1);
        weir::entry e;
        REQUIRE(store.admit(slot, plan, cost, store.now(), e).admits());
        used += cost;
        last = e;
        last_cost = cost;
    }
    const auto f = store.count(slot, plan, 1, store.now());
    CHECK_FALSE(f.admits());
    CHECK(f.window == 1);
    CHECK(f.at > store.now() + 29min);
    const auto seen = store.read(slot, plan, store.now());
    CHECK(seen.windows.at(0).used == 1'990);
    CHECK(seen.windows.at(1).used == 1'990);
    store.settle(slot, plan, last, weir::settlement::refunded, store.now());
    CHECK(store.count(slot, plan, last_cost, store.now()).admits());
    CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
    store.erase(slot);
    CHECK(store.count(slot, plan, 1'990, store.now()).admits());
    CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
}

TEST_CASE("postgres: many open entries are found again in any order, and a ceiling counts them") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=entries weir_synchronous_commit=off");
    const auto plan = plan_of({{1'000, 1h}}, weir::counting::response, 300);
    auto slot = store.make_slot("h.org", "metadata");
    std::vector<weir::entry> all(300);
    for (weir::entry& e : all)
        REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
    weir::entry no;
    CHECK(store.admit(slot, plan, 1, store.now(), no).cause == weir::cause::concurrency);
    std::mt19937_64 random{weir_test::seed_for("postgres, many entries")};
    std::ranges::shuffle(all, random);
    for (std::size_t i = 0; i < 200; ++i) {
        if (i % 2 == 0)
            store.settle(slot, plan, all[i], weir::settlement::answered, store.now());
        store.settle(slot, plan, all[i], i % 10 == 9 ? weir::settlement::refunded : weir::settlement::released,
                     store.now());
    }
    store.flush();
    const auto seen = store.read(slot, plan, store.now());
    CHECK(seen.open == 100);
    CHECK(seen.in_flight == 100);
    CHECK(seen.windows.at(0).used == 280);
    for (std::size_t i = 200; i < all.size(); ++i)
        store.settle(slot, plan, all[i], weir::settlement::released, store.now());
    store.flush();
    CHECK(store.read(slot, plan, store.now()).in_flight == 0);
    CHECK(asked("SELECT count(*) FROM entries.block") == 0);
}

TEST_CASE("postgres: a server's clock that stepped back delays no request for longer than a window") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=stepped");
    const auto plan = plan_of({{3, 200ms}}, weir::counting::admission);
    auto slot = store.make_slot("h.org", "metadata");
    for (int i = 0; i < 3; ++i)
        CHECK(store.count(slot, plan, 1, store.now()).admits());
    // As if all of this had been an hour ahead.
    CHECK(asked("WITH moved AS (UPDATE stepped.state SET newest = newest + 3600000000000, recent = "
                "ARRAY(SELECT v + 3600000000000 FROM unnest(recent) v) RETURNING 1) SELECT count(*) FROM moved") == 1);
    const auto f = store.count(slot, plan, 1, store.now());
    CHECK_FALSE(f.admits());
    CHECK(f.at < store.now() + 250ms);
    std::this_thread::sleep_until(std::chrono::steady_clock::time_point{(f.at + 50ms).time_since_epoch()});
    for (int i = 0; i < 3; ++i)
        CHECK(store.count(slot, plan, 1, store.now()).admits());
    CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
}

TEST_CASE("postgres: another process finds what one learnt, and unchanged times do not move") {
    WEIR_NEEDS_POSTGRES();
    auto one = patient_store("weir_schema=learnt");
    auto other = patient_store("weir_schema=learnt");
    weir_test::check_learnt(one, other);
}

TEST_CASE("postgres: learning writes one row once if no process was faster, and none if nothing changed") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=once");
    auto other = patient_store("weir_schema=once");
    auto mine = store.make_slot("h.org", "metadata");
    auto theirs = other.make_slot("h.org", "metadata");
    const auto plan = plan_of({{100, 1h}}, weir::counting::admission);
    REQUIRE(store.count(mine, plan, 1, store.now()).admits());
    REQUIRE(other.count(theirs, plan, 1, other.now()).admits());
    int asked_step = 0;
    const auto more = [&](weir::tuner_state s) { return ++asked_step, ++s.answers, s; };
    const auto same = [](const weir::tuner_state& s) { return s; };
    const auto version = [] { return asked("SELECT xmin::text::bigint FROM once.state"); };
    for (int i = 1; i <= 20; ++i)
        CHECK(store.learn(mine, more).answers == i);
    CHECK(asked_step == 20);
    const auto before = version();
    for (int i = 0; i < 20; ++i)
        CHECK(store.learn(mine, same).answers == 20);
    CHECK(version() == before);
    // Who has not heard of it asks twice, and once from then on.
    CHECK(other.learn(theirs, more).answers == 21);
    CHECK(asked_step == 22);
    CHECK(other.learn(theirs, more).answers == 22);
    CHECK(asked_step == 23);
}

TEST_CASE("postgres: idle keys leave nothing behind after their time; keys with a gate, an entry or a factor stay") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=idle weir_synchronous_commit=off weir_entry_ttl_s=1");
    const auto counted = plan_of({{400, 100ms}}, weir::counting::admission);
    const auto entered = plan_of({{400, 100ms}}, weir::counting::response);
    constexpr int keys = 500;
    for (int i = 0; i < keys; ++i) {
        auto slot = store.make_slot("h" + std::to_string(i) + ".org", "metadata");
        weir::entry e;
        if (i % 10 != 0) {
            REQUIRE(store.count(slot, counted, i % 50 == 1 ? 300 : 1, store.now()).admits());
        } else {
            // Some are never settled.
            REQUIRE(store.admit(slot, entered, 1, store.now(), e).admits());
            if (i % 20 == 0)
                store.settle(slot, entered, e, weir::settlement::released, store.now());
        }
    }
    auto held = store.make_slot("held.org", "metadata");
    CHECK(store.hold(held, store.now() + 1h));
    auto tuned = store.make_slot("tuned.org", "metadata");
    store.tune(tuned, weir::multiplier::of(0.5));
    // What was learnt stays until the factor has recovered; a factor that is set meanwhile does not shorten it.
    const auto learn = [&](std::string_view host, weir::duration span) {
        auto slot = store.make_slot(host, "metadata");
        static_cast<void>(store.learn(slot, [&](weir::tuner_state s) {
            s.factor = weir::multiplier::of(0.7);
            s.recovered = store.now() + span;
            return s;
        }));
        store.tune(slot, {});
    };
    learn("recovered.org", 500ms);
    learn("recovering.org", 1h);
    store.flush();
    std::this_thread::sleep_for(1200ms);
    // An expired entry becomes a stamp first, which then has its own time.
    std::int64_t from = 0;
    std::int64_t gone = 0;
    for (int round = 0; round < 3; ++round) {
        do
            gone += store.sweep(from);
        while (from != 0);
        std::this_thread::sleep_for(150ms);
    }
    CHECK(asked("SELECT count(*) FROM idle.state") == 3);
    CHECK(asked("SELECT count(*) FROM idle.key") == 3);
    CHECK(asked("SELECT count(*) FROM idle.state WHERE cardinality(tuner) > 0") == 1);
    CHECK(asked("SELECT count(*) FROM idle.log") + asked("SELECT count(*) FROM idle.block") == 0);
    CHECK(gone <= keys + 1);
    CHECK(store.read(tuned, counted, store.now()).factor == weir::multiplier::of(0.5));
    // A key that was forgotten is a new one.
    auto again = store.make_slot("h7.org", "metadata");
    CHECK(store.read(again, counted, store.now()).windows.at(0).used == 0);
}

TEST_CASE("postgres: tables stay small however much is admitted, without a VACUUM") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=small weir_synchronous_commit=off");
    const auto counted = plan_of({{200, 10ms}, {500, 100ms}}, weir::counting::admission);
    const auto answered = plan_of({{200, 10ms}, {500, 100ms}}, weir::counting::response, 50);
    std::vector<postgres_store::slot> slots;
    for (int i = 0; i < 20; ++i)
        slots.push_back(store.make_slot("h" + std::to_string(i) + ".org", "metadata"));
    const auto some = [&](int count) {
        for (int i = 0; i < count; ++i) {
            auto& slot = slots[static_cast<std::size_t>(i % 20)];
            if (i % 2 == 0) {
                static_cast<void>(store.count(slot, counted, 1, store.now()));
                continue;
            }
            weir::entry e;
            if (store.admit(slot, answered, 1, store.now(), e).admits())
                store.settle(slot, answered, e, weir::settlement::released, store.now());
        }
        store.flush();
    };
    const auto bytes = [] {
        return asked("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relnamespace = "
                     "'small'::regnamespace AND relkind = 'r'");
    };
    some(20);
    for (const char* table : {"key", "state", "log", "block"})
        postgres_server::common().run(std::string{"ALTER TABLE small."} + table + " SET (autovacuum_enabled = off)",
                                      "dbname=limits");
    some(3'000);
    const auto before = bytes();
    some(3'000);
    const auto after = bytes();
    std::cout << "tables: " << before << " bytes after 3000 admissions, " << after << " after 6000" << std::endl;
    CHECK(after - before <= 192 * 1024);
}

TEST_CASE("postgres: keys are listed with the windows of their last plan and the age of their oldest open entry") {
    WEIR_NEEDS_POSTGRES();
    auto store = patient_store("weir_schema=listed_keys");
    auto slot = store.make_slot("a.org:8080", "r\xc3\xb6le|x");
    weir::entry e;
    REQUIRE(store.admit(slot, plan_of({{10, 1h}, {3, 1s}}, weir::counting::response), 1, store.now(), e).admits());
    auto other = store.make_slot("b.org", "");
    REQUIRE(store.count(other, plan_of({{7, 1min}}, weir::counting::admission, 4), 1, store.now()).admits());
    auto listed = store.keys();
    REQUIRE(listed.size() == 2);
    std::ranges::sort(listed, {}, &weir::stored_key::host);
    CHECK(listed[0].host == "a.org:8080");
    CHECK(listed[0].role == "r\xc3\xb6le|x");
    REQUIRE(listed[0].windows.size() == 2);
    CHECK(listed[0].windows[0].limit == 10);
    CHECK(listed[0].windows[1].period == 1s);
    REQUIRE(listed[0].oldest_open.has_value());
    CHECK(*listed[0].oldest_open < 1min);
    CHECK(listed[1].host == "b.org");
    CHECK(listed[1].max_concurrent == 4);
    CHECK_FALSE(listed[1].oldest_open.has_value());
    store.settle(slot, plan_of({{20, 1h}}, weir::counting::response), e, weir::settlement::released, store.now());
    REQUIRE(store.count(slot, plan_of({{20, 1h}}, weir::counting::response), 1, store.now()).admits());
    store.flush();
    listed = store.keys();
    std::ranges::sort(listed, {}, &weir::stored_key::host);
    REQUIRE(listed.at(0).windows.size() == 1);
    CHECK(listed[0].windows[0].limit == 20);
    CHECK_FALSE(listed[0].oldest_open.has_value());
}

TEST_CASE("postgres: the view fill says of every key what the verb read says, on random traces") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    auto options = weir::postgres::parse_postgres_dsn(server.plain_dsn("weir_schema=viewed")).value();
    options.command_timeout = 10s;
    options.connect_timeout = 10s;
    options.entry_ttl = 1s;
    postgres_store store{options};
    std::mt19937_64 random{weir_test::seed_for("postgres, fill")};
    const auto pick = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    };
    for (int key = 0; key < 12; ++key) {
        const auto from = key % 2 == 0 ? weir::counting::response : weir::counting::admission;
        const auto plan = plan_of({{40 + pick(400), 1h}, {20 + pick(300), 1min}}, from, key % 3 == 0 ? 50 : 0);
        const std::string host = "h" + std::to_string(key);
        auto slot = store.make_slot(host, "r");
        std::vector<weir::entry> open;
        for (int i = 0; i < 200; ++i) {
            weir::entry e;
            if (store.admit(slot, plan, 1 + pick(3), store.now(), e).admits() && pick(4) != 0) {
                e.grace = 1h;
                store.settle(slot, plan, e,
                             pick(8) == 0   ? weir::settlement::abandoned
                             : pick(9) == 0 ? weir::settlement::refunded
                                            : weir::settlement::released,
                             store.now());
            }
        }
        if (key % 4 == 1)
            CHECK(store.hold(slot, store.now() + 1h));
        if (key % 5 == 1)
            store.tune(slot, weir::multiplier::of(0.5));
        if (key % 3 == 2)
            std::this_thread::sleep_for(1100ms);  // the server's clock: entries expire, and no verb has seen that yet
        store.flush();
        const std::string row = " FROM viewed.fill WHERE host = '" + host + "'";
        const auto of = [&](const std::string& column, std::size_t w) {
            return asked("SELECT coalesce(" + column + ", -1)::bigint" + row + " ORDER BY period DESC OFFSET " +
                         std::to_string(w) + " LIMIT 1");
        };
        std::vector<std::int64_t> viewed;
        for (std::size_t w = 0; w < 2; ++w)
            for (const char* column : {"used", "\"limit\"", "open", "in_flight", "factor * 1000000", "max_concurrent"})
                viewed.push_back(of(column, w));
        CHECK(asked("SELECT count(*)" + row) == 2);
        const std::int64_t gated = asked("SELECT count(gate_for)" + row);
        const auto read = store.read(slot, plan, store.now());
        INFO("key " << key);
        for (std::size_t w = 0; w < 2; ++w) {
            CHECK(viewed[6 * w] == read.windows.at(w).used);
            CHECK(viewed[6 * w + 1] == read.windows.at(w).limit);
            CHECK(viewed[6 * w + 2] == read.open);
            CHECK(viewed[6 * w + 3] == read.in_flight);
            CHECK(viewed[6 * w + 4] == read.factor.millionths());
            CHECK(viewed[6 * w + 5] == (plan.max_concurrent > 0 ? plan.max_concurrent : -1));
        }
        CHECK((gated > 0) == (read.gate > store.now()));
    }
}
