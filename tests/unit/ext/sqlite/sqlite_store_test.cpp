// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/testing/conformance.hpp"
#include "weir/testing/manual_clock.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;
using weir_test::scratch;
using store = weir::sqlite::sqlite_store;

weir::window_plan plan_of(std::vector<weir::rate> rates, weir::counting from = weir::counting::admission) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = from;
    return weir::plan_windows(p);
}

/// Clocks that a test sets; copies share them.
struct set_clock {
    struct times {
        instant wall{std::chrono::seconds{1'760'000'000}};
        instant since_boot{1h};
        std::string boot = "first";
    };
    [[nodiscard]] instant wall() const noexcept { return now->wall; }
    [[nodiscard]] instant since_boot() const noexcept { return now->since_boot; }
    [[nodiscard]] std::string boot() const { return now->boot; }
    void pass(weir::duration span) const {
        now->wall += span;
        now->since_boot += span;
    }
    void restart(weir::duration down, weir::duration step, const char* name) const {
        now->wall += down + step;
        now->since_boot = instant{30s};
        now->boot = name;
    }
    std::shared_ptr<times> now = std::make_shared<times>();
};
using set_store = weir::sqlite::basic_sqlite_store<set_clock>;

template <class Store>
weir::assessment count(Store& s, const weir::window_plan& plan, std::string_view host = "h") {
    auto slot = s.make_slot(host, "r");
    return s.count(slot, plan, 1, s.now());
}
template <class Store>
std::int64_t used(Store& s, const weir::window_plan& plan, std::string_view host = "h") {
    auto slot = s.make_slot(host, "r");
    return s.read(slot, plan, s.now()).windows[0].used;
}
/// How long a denied one has to wait.
template <class Store>
weir::duration wait_of(Store& s, const weir::window_plan& plan) {
    auto slot = s.make_slot("h", "r");
    const auto f = s.count(slot, plan, 1, s.now());
    return f.admits() ? weir::duration::zero() : f.at - s.now();
}

std::int64_t rows(const std::string& path, const char* table) {
    sqlite3* db = nullptr;
    sqlite3_stmt* s = nullptr;
    std::int64_t out = -1;
    if (sqlite3_open(path.c_str(), &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, (std::string{"SELECT count(*) FROM "} + table).c_str(), -1, &s, nullptr) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return out;
}

std::string trouble(const std::function<void()>& step) {
    try {
        step();
    } catch (const weir::store_error& e) {
        return e.what();
    }
    return {};
}

void conform(int processes, weir::duration entry_ttl, int traces) {
    const scratch here;
    auto options = here.options();
    options.injected_time = true;
    options.synchronous = weir::sqlite::durability::off;
    options.entry_ttl = entry_ttl;
    // While somebody has it open, the file's log is not folded in at the end of each trace.
    store keeper{options};
    keeper.open();
    weir::testing::conformance_options c;
    c.seed = weir_test::seed_for("sqlite store of " + std::to_string(processes));
    c.traces = weir_test::cases_or(traces / weir_test::slowness);
    c.processes = processes;
    c.entry_ttl = entry_ttl;
    const auto failures = weir::testing::conform([&] { return store{options}; }, c);
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

}  // namespace

TEST_CASE("sqlite: the store conforms") { conform(1, 10min, 2'000); }
TEST_CASE("sqlite: three stores on one file conform, and the entries of a dropped one expire") {
    conform(3, 40ms, 2'000);
}

TEST_CASE("sqlite: a registry on it decides as one on memory does") {
    const std::uint64_t seed = weir_test::seed_for("registry on sqlite");
    const scratch here;
    auto options = here.options();
    options.injected_time = true;
    options.synchronous = weir::sqlite::durability::off;
    using memory = weir::memory_store<weir::testing::manual_clock>;
    std::int64_t granted = 0, denied = 0;
    instant now{std::chrono::seconds{1'760'000'000}};
    for (int i = 0; i < weir_test::cases_or(200 / weir_test::slowness); ++i) {
        weir_test::dice dice{seed + static_cast<std::uint64_t>(i)};
        weir::policy p;
        for (std::int64_t r = dice.from(1, 3); r > 0; --r)
            p.rates.push_back({dice.from(1, 6), std::chrono::milliseconds{dice.from(1, 40)}});
        if (dice.chance(30))
            p.max_concurrent = dice.from(1, 3);
        if (dice.chance(30))
            p.burst = 1;
        if (dice.chance(50))
            p.count_from = weir::counting::admission;
        p.enforce = !dice.chance(20);
        const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
        weir::testing::manual_clock clock{now};
        weir::registry plain{memory{clock}, config};
        weir::registry shared{store{options}, config};
        struct pair {
            decltype(plain)::permit first;
            decltype(shared)::permit second;
        };
        std::vector<pair> held;
        const std::string host = "host-" + std::to_string(i) + ".org";
        for (int step = 0; step < 60; ++step) {
            now += dice.chance(40) ? weir::duration::zero() : weir::duration{dice.from(1, 9'000'000)};
            clock.set(now);
            if (held.empty() || dice.chance(55)) {
                weir::acquire_options a;
                a.cost = dice.chance(80) ? 1 : dice.from(2, 4);
                a.method = dice.chance(90) ? "GET" : "HEAD";
                auto one = plain.try_acquire(host, "metadata", a, now);
                auto two = shared.try_acquire(host, "metadata", a, now);
                const auto& right = one.decision();
                const auto& said = two.decision();
                const bool timed = right.outcome == weir::outcome::denied || right.cause == weir::cause::window;
                if (said.outcome != right.outcome || said.cause != right.cause ||
                    (timed && said.retry_at != right.retry_at))
                    FAIL("WEIR_SEED=" << seed << " trace " << i << " step " << step << ": " << to_string(said.outcome)
                                      << ", " << to_string(said.cause) << " at "
                                      << said.retry_at.time_since_epoch().count() << "; in memory "
                                      << to_string(right.outcome) << ", " << to_string(right.cause) << " at "
                                      << right.retry_at.time_since_epoch().count());
                ++(right.granted() ? granted : denied);
                if (right.granted())
                    held.push_back({std::move(one).take(), std::move(two).take()});
                continue;
            }
            auto& h = dice.pick(held);
            if (dice.chance(40)) {
                h.first.arrived({}, now);
                h.second.arrived({}, now);
                continue;
            }
            if (dice.chance(30)) {
                h.first.refund(now);
                h.second.refund(now);
            } else {
                h.first.release(now);
                h.second.release(now);
            }
            std::swap(h, held.back());
            held.pop_back();
        }
        for (auto& h : held) {
            h.first.release(now);
            h.second.release(now);
        }
    }
    CHECK(granted > 0);
    CHECK(denied > 0);
}

TEST_CASE("sqlite: setting the clock by an hour admits no more requests and delays none") {
    for (const weir::duration step : {weir::duration{1h}, weir::duration{-1h}}) {
        const scratch here;
        const set_clock clock;
        const auto plan = plan_of({{2, 10min}});
        auto first = std::make_unique<set_store>(here.options(), clock);
        REQUIRE(count(*first, plan).admits());
        REQUIRE(count(*first, plan).admits());
        clock.pass(4min);
        clock.now->wall += step;
        CHECK(wait_of(*first, plan) <= 6min);
        CHECK(wait_of(*first, plan) > 5min);
        first.reset();
        set_store second{here.options(), clock};
        CHECK(wait_of(second, plan) <= 6min);
        CHECK(wait_of(second, plan) > 5min);
        clock.pass(6min);
        CHECK(count(second, plan).admits());
        CHECK(count(second, plan).admits());
        CHECK_FALSE(count(second, plan).admits());
    }
}

TEST_CASE("sqlite: over a restart of the machine the wall clock gives the time, and one that went back stops no key") {
    const scratch here;
    const set_clock clock;
    const auto plan = plan_of({{2, 10min}});
    {
        set_store s{here.options(), clock};
        REQUIRE(count(s, plan).admits());
        REQUIRE(count(s, plan).admits());
        clock.pass(1min);
    }
    clock.restart(2min, 0s, "second");
    {
        set_store s{here.options(), clock};
        CHECK(wait_of(s, plan) <= 7min);
        CHECK(wait_of(s, plan) > 6min);
    }
    clock.restart(1min, -1h, "third");
    set_store s{here.options(), clock};
    CHECK(wait_of(s, plan) > 6min);
    CHECK(wait_of(s, plan) <= 10min);
    clock.pass(10min);
    CHECK(count(s, plan).admits());
    CHECK(count(s, plan).admits());
    CHECK_FALSE(count(s, plan).admits());
}

TEST_CASE("sqlite: neither a gate nor an open entry lasts longer for a clock that went back over a restart") {
    const scratch here;
    const set_clock clock;
    const auto plan = plan_of({{1, 1min}}, weir::counting::response);
    auto options = here.options();
    options.entry_ttl = 5min;
    {
        set_store s{options, clock};
        auto gated = s.make_slot("gated", "r");
        CHECK(s.hold(gated, s.now() + 3min));
        auto slot = s.make_slot("h", "r");
        weir::entry e;
        REQUIRE(s.admit(slot, plan, 1, s.now(), e).admits());
    }
    clock.restart(0s, -1h, "second");
    set_store s{options, clock};
    auto gated = s.make_slot("gated", "r");
    const auto f = s.count(gated, plan, 1, s.now());
    CHECK(f.cause == weir::cause::gate);
    CHECK(f.at <= s.now() + 3min);
    CHECK_FALSE(count(s, plan).admits());
    clock.pass(3min);
    CHECK(s.count(gated, plan, 1, s.now()).admits());
    CHECK_FALSE(count(s, plan).admits());
    clock.pass(3min);
    CHECK(count(s, plan).admits());
}

TEST_CASE("sqlite: an unused key is removed from the file once it affects no decision") {
    const scratch here;
    const set_clock clock;
    auto options = here.options();
    options.entry_ttl = 2min;
    const auto hour = plan_of({{1, 1h}}, weir::counting::response);
    const auto minute = plan_of({{100'000, 1min}});
    set_store s{options, clock};
    auto dead = s.make_slot("dead", "r");
    weir::entry e;
    REQUIRE(s.admit(dead, hour, 1, s.now(), e).admits());
    auto many = s.make_slot("many", "r");
    for (int i = 0; i < 300; ++i)
        REQUIRE(s.count(many, minute, 1, s.now()).admits());
    for (int i = 0; i < 50; ++i)
        REQUIRE(count(s, minute, "idle-" + std::to_string(i)).admits());
    CHECK(rows(here.file(), "keys") == 52);
    CHECK(rows(here.file(), "blocks") > 0);
    // A store that tidies, while the entry of the dead one expires and counts on for its hour.
    const auto work = [&] {
        for (int i = 0; i < 2'000; ++i)
            static_cast<void>(count(s, minute, "busy"));
    };
    clock.pass(10min);
    work();
    CHECK(rows(here.file(), "keys") == 2);
    clock.pass(50min);
    work();
    auto other = s.make_slot("dead", "r");
    CHECK_FALSE(s.count(other, hour, 1, s.now()).admits());
    clock.pass(3min);
    work();
    CHECK(s.count(other, hour, 1, s.now()).admits());
    CHECK(rows(here.file(), "retired") == 0);
}

TEST_CASE("sqlite: a plan that is not enforced records what it denies, and reports what stood in the way") {
    const scratch here;
    store s{here.options()};
    weir::policy p;
    p.rates = {{1, 1h}};
    p.enforce = false;
    const auto plan = weir::plan_windows(p);
    auto slot = s.make_slot("h", "r");
    weir::entry first, second;
    const auto f = s.admit(slot, plan, 1, s.now(), first);
    CHECK(f.cause == weir::cause::none);
    CHECK_FALSE(f.passed);
    const auto over = s.admit(slot, plan, 1, s.now(), second);
    CHECK(over.passed);
    CHECK(over.cause == weir::cause::window);
    CHECK(second.state == weir::entry_state::open);
    CHECK(used(s, plan) == 2);
}

TEST_CASE("sqlite: hosts of any bytes up to 4 KiB are keys of their own") {
    const scratch here;
    const auto plan = plan_of({{1, 1h}});
    store s{here.options()};
    std::vector<std::pair<std::string, std::string>> names{{"'; DROP TABLE keys; --", "r"},
                                                           {"a\"b`c]d", "r"},
                                                           {"ab", "c"},
                                                           {"a", "bc"},
                                                           {"abc", ""},
                                                           {"", "abc"},
                                                           {"A", "bc"},
                                                           {std::string("a\0b", 3), "c"},
                                                           {std::string("a\0", 2), "bc"},
                                                           {"%_*?", "r"}};
    std::string bytes;
    for (int i = 0; i < 4096; ++i)
        bytes += static_cast<char>(i * 7);
    names.emplace_back(bytes, "r");
    bytes.back() = static_cast<char>(bytes.back() + 1);
    names.emplace_back(bytes, "r");
    for (const auto& [host, role] : names) {
        auto slot = s.make_slot(host, role);
        CHECK(s.count(slot, plan, 1, s.now()).admits());
        CHECK_FALSE(s.count(slot, plan, 1, s.now()).admits());
    }
    CHECK(rows(here.file(), "keys") == static_cast<std::int64_t>(names.size()));
}

TEST_CASE("sqlite: the file is updated to the newest format step by step, and a newer one is refused") {
    namespace detail = weir::sqlite::detail;
    const scratch here;
    detail::patience waiting;
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    constexpr auto now = static_cast<std::int64_t>(detail::migrations.size());
    std::vector<const char*> next{detail::migrations.begin(), detail::migrations.end()};
    next.push_back("CREATE TABLE more (a INTEGER)");
    std::vector<const char*> broken = next;
    broken.push_back("CREATE TABLE half (a); CREATE TABLE more (again)");
    {
        detail::connection db{here.file(), waiting};
        detail::use_wal(db);
        detail::migrate(db, detail::migrations);
        CHECK(detail::ask(db, "PRAGMA user_version") == now);
        detail::migrate(db, next);
        CHECK(detail::ask(db, "PRAGMA user_version") == now + 1);
        CHECK(detail::ask(db, "SELECT count(*) FROM more") == 0);
        // A step that fails leaves nothing of itself.
        CHECK_THROWS_AS(detail::migrate(db, broken), weir::store_error);
        CHECK(detail::ask(db, "PRAGMA user_version") == now + 1);
        CHECK(detail::ask(db, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0);
    }
    store s{here.options()};
    const std::string said = trouble([&] { s.open(); });
    CHECK(said.find(fmt::format("version {}", now + 1)) != std::string::npos);
    CHECK(said.find(fmt::format("up to {}", now)) != std::string::npos);
}

TEST_CASE("sqlite: a file of the first version is updated with all its data") {
    namespace detail = weir::sqlite::detail;
    const scratch here;
    const set_clock clock;
    const auto plan = plan_of({{10, 1h}});
    detail::patience waiting;
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    const auto first = std::span{detail::migrations}.first(1);
    {
        detail::connection db{here.file(), waiting};
        detail::use_wal(db);
        detail::migrate(db, first);
        detail::key_row row;
        row.millionths = 250'000;
        row.newest = row.seen = clock.wall() - 1min;
        row.recent = {row.newest, row.newest};
        std::string bytes;
        row.encode(bytes);
        const std::string name = detail::slot_state{"h", "r"}.name;
        detail::statement{db, "INSERT INTO keys (forget_at, state, name) VALUES (?1, ?2, ?3)"}
            .bind(1, INT64_MAX)
            .bind(2, bytes)
            .bind(3, name)
            .run();
    }
    const auto learnt = [](weir::tuner_state t) {
        ++t.answers;
        return t;
    };
    {
        set_store s{here.options(), clock};
        CHECK(used(s, plan) == 2);
        auto slot = s.make_slot("h", "r");
        const auto got = s.learn(slot, learnt);
        CHECK(got.factor == weir::multiplier::of(0.25));
        CHECK(got.answers == 1);
        CHECK(used(s, plan) == 2);
    }
    set_store s{here.options(), clock};
    auto slot = s.make_slot("h", "r");
    CHECK(s.learn(slot, learnt).answers == 2);
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    detail::connection db{here.file(), waiting};
    CHECK(detail::ask(db, "PRAGMA user_version") == static_cast<std::int64_t>(detail::migrations.size()));
    // As a program of before would find it.
    const std::string said = trouble([&] { detail::migrate(db, first); });
    CHECK(said.find(fmt::format("its format is version {}, and this program knows up to 1",
                                detail::migrations.size())) != std::string::npos);
}

TEST_CASE("sqlite: the tuner's state stays in the file until the factor has recovered, and no longer") {
    const scratch here;
    const set_clock clock;
    const auto minute = plan_of({{100'000, 1min}});
    set_store s{here.options(), clock};
    const auto cut_until = [&](weir::duration span) {
        return [&s, span](weir::tuner_state t) {
            t.factor = weir::multiplier::of(0.5);
            t.window = s.now();
            t.recovered = s.now() + span;
            return t;
        };
    };
    auto tuned = s.make_slot("tuned", "r");
    auto set = s.make_slot("set", "r");
    auto erased = s.make_slot("erased", "r");
    static_cast<void>(s.learn(tuned, cut_until(48h)));
    s.tune(set, weir::multiplier::of(0.5));
    for (int i = 0; i < 300; ++i)
        REQUIRE(s.count(erased, minute, 1, s.now()).admits());
    static_cast<void>(s.learn(erased, cut_until(48h)));
    s.erase(erased);
    CHECK(s.learn(erased, [](const weir::tuner_state& t) { return t; }) == weir::tuner_state{});
    // A decision later must not shorten it.
    REQUIRE(s.count(tuned, minute, 1, s.now()).admits());
    const auto work = [&] {
        for (int i = 0; i < 500; ++i)
            static_cast<void>(count(s, minute, "busy"));
    };
    clock.pass(10min);
    work();
    CHECK(rows(here.file(), "keys") == 3);
    clock.pass(25h);
    work();
    CHECK(rows(here.file(), "keys") == 2);
    CHECK(s.read(tuned, minute, s.now()).factor == weir::multiplier::of(0.5));
    clock.pass(22h);
    work();
    CHECK(rows(here.file(), "keys") == 2);
    clock.pass(2h);
    work();
    CHECK(rows(here.file(), "keys") == 1);
    CHECK(s.read(tuned, minute, s.now()).factor.is_one());
}

TEST_CASE("sqlite: over a restart of the machine the tuner's state is as old as the wall clock says") {
    const scratch here;
    const set_clock clock;
    weir::tuner_state made;
    {
        set_store s{here.options(), clock};
        auto slot = s.make_slot("h", "r");
        made = s.learn(slot, [&](weir::tuner_state t) {
            t.window = s.now();
            t.recovered = s.now() + 2h;
            return t;
        });
    }
    clock.restart(30min, 0s, "second");
    set_store s{here.options(), clock};
    auto slot = s.make_slot("h", "r");
    const auto found = s.learn(slot, [](const weir::tuner_state& t) { return t; });
    CHECK(s.now() - found.window > 30min - 1s);  // the clocks of a machine are not read at one moment
    CHECK(s.now() - found.window < 31min);
    CHECK(found.recovered - found.window == made.recovered - made.window);
    CHECK(found.bound == weir::long_ago);
}

TEST_CASE("sqlite: threads share a store") {
    const scratch here;
    const auto plan = plan_of({{500, 1h}});
    store s{here.options()};
    std::atomic<int> admitted{0};
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&] {
                auto slot = s.make_slot("h", "r");
                for (int i = 0; i < 200; ++i)
                    admitted += s.count(slot, plan, 1, s.now()).admits();
            });
    }
    CHECK(admitted == 500);
    CHECK(used(s, plan) == 500);
}

TEST_CASE("sqlite: a relative path means the folder the store was made in") {
    const scratch here;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(here.path());
    weir::sqlite::sqlite_options o;
    o.path = "limits.db";
    store s{o};
    std::filesystem::current_path(before);
    CHECK(count(s, plan_of({{1, 1h}})).admits());
    CHECK(std::filesystem::exists(here.file()));
}

TEST_CASE("sqlite: options that contradict each other make no store") {
    CHECK_THROWS_AS(store{weir::sqlite::sqlite_options{}}, weir::exception);
}

TEST_CASE("sqlite: keys are listed with the windows of their last plan and the age of their oldest open entry") {
    const scratch here;
    set_clock clock;
    set_store s{here.options(), clock};
    CHECK(s.keys().empty());
    const auto plan = plan_of({{10, 1h}, {3, 1s}}, weir::counting::response);
    auto slot = s.make_slot("a.org:8080", "meta|data");
    weir::entry one;
    REQUIRE(s.admit(slot, plan, 1, s.now(), one).admits());
    REQUIRE(count(s, plan_of({{7, 1min}})).admits());
    auto listed = s.keys();
    REQUIRE(listed.size() == 2);
    CHECK(listed[0].host == "a.org:8080");
    CHECK(listed[0].role == "meta|data");
    REQUIRE(listed[0].windows.size() == 2);
    CHECK(listed[0].windows[0].limit == 10);
    CHECK(listed[0].windows[0].period == 1h);
    CHECK(listed[0].windows[1].limit == 3);
    CHECK(listed[0].oldest_open.has_value());
    CHECK(listed[1].host == "h");
    CHECK_FALSE(listed[1].oldest_open.has_value());
    REQUIRE(listed[1].windows.size() == 1);
    CHECK(listed[1].windows[0].period == 1min);
    // Another plan of the same process replaces them; a settled entry is not open.
    weir::entry two;
    REQUIRE(s.admit(slot, plan_of({{20, 1h}}, weir::counting::response), 1, s.now(), two).admits());
    s.settle(slot, plan, one, weir::settlement::released, s.now());
    s.settle(slot, plan, two, weir::settlement::released, s.now());
    listed = s.keys();
    REQUIRE(listed.at(0).windows.size() == 1);
    CHECK(listed[0].windows[0].limit == 20);
    CHECK_FALSE(listed[0].oldest_open.has_value());
}

TEST_CASE("sqlite: a caller with a shorter plan that reads a key does not make the file forget it") {
    const scratch here;
    const set_clock clock;
    auto options = here.options();
    options.entry_ttl = 2min;
    const auto hour = plan_of({{1, 1h}}, weir::counting::response);
    set_store s{options, clock};
    auto dead = s.make_slot("dead", "r");
    weir::entry e;
    REQUIRE(s.admit(dead, hour, 1, s.now(), e).admits());
    clock.pass(3min);
    // The entry expires during this call, so the row is written.
    CHECK(s.read(dead, plan_of({{1, 1s}}), s.now()).open == 0);
    clock.pass(30min);
    for (int i = 0; i < 2'000; ++i)
        static_cast<void>(count(s, plan_of({{100'000, 1min}}), "busy"));
    CHECK(used(s, hour, "dead") == 1);
}

TEST_CASE("sqlite: with migrate=off a missing file and an older one are errors, and neither is changed") {
    namespace detail = weir::sqlite::detail;
    const scratch here;
    auto options = here.options();
    options.migrate = false;
    {
        store s{options};
        CHECK(trouble([&] { s.open(); }).find("there is no such file") != std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(here.file()));
    detail::patience waiting;
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    {
        detail::connection db{here.file(), waiting};
        detail::use_wal(db);
        detail::migrate(db, std::span{detail::migrations}.first(1));
    }
    {
        store s{options};
        CHECK(trouble([&] { s.open(); }).find("its format is version 1") != std::string::npos);
    }
    {
        detail::connection db{here.file(), waiting};
        CHECK(detail::ask(db, "PRAGMA user_version") == 1);
    }
    store{here.options()}.open();
    store s{options};
    CHECK(trouble([&] { s.open(); }).empty());
}
