// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/leased.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"
#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;
using weir_test::child;
using weir_test::scratch;
using weir_test::shared_memory;

/// The machine's clocks, and what they last showed: in a process of one thread, the store's time of its last verb.
struct noting_clock : weir::sqlite::machine_clock {
    [[nodiscard]] instant since_boot() const noexcept { return last = machine_clock::since_boot(); }
    static inline instant last{};
};
/// Notes when it last admitted. The first use of a key in a process reads the key again after that.
struct noting_store : weir::sqlite::basic_sqlite_store<noting_clock> {
    using base = weir::sqlite::basic_sqlite_store<noting_clock>;
    using base::base;
    weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, instant now, weir::entry& out) {
        return noted(base::admit(s, plan, cost, now, out));
    }
    weir::assessment count(slot& s, const weir::window_plan& plan, std::int64_t cost, instant now) {
        return noted(base::count(s, plan, cost, now));
    }
    static inline instant admitted{};

private:
    static weir::assessment noted(weir::assessment of) {
        if (of.admits())
            admitted = noting_clock::last;
        return of;
    }
};
using noting_registry = weir::registry<noting_store>;

constexpr std::size_t processes = 4;
constexpr std::size_t each = 5'000 / weir_test::slowness;

/// One admission as the store's clock saw it.
struct note {
    instant admitted;
    instant answered;
    std::size_t key;
};

/// The most entries that count at one moment, each from its admission until `period` after its answer.
std::int64_t max_counted(const std::vector<note>& notes, weir::duration period) {
    std::vector<std::pair<instant, int>> changes;
    for (const note& n : notes) {
        changes.emplace_back(n.admitted, 1);
        changes.emplace_back(n.answered + period, -1);
    }
    std::ranges::sort(changes);  // at one moment, those that end come first
    std::int64_t now = 0, max = 0;
    for (const auto& [at, change] : changes)
        max = std::max(max, now += change);
    return max;
}

/// Runs `work(process, its notes)` in each process; gives all notes.
template <class Work>
std::vector<note> run(std::size_t count, Work work) {
    const shared_memory<note> notes{processes * count};
    std::vector<child> all;
    for (std::size_t p = 0; p < processes; ++p)
        all.emplace_back([&, p] {
            work(p, &notes[p * count]);
            return 0;
        });
    for (child& c : all)
        CHECK(c.wait() == 0);
    return {&notes[0], &notes[0] + processes * count};
}

}  // namespace

TEST_CASE("sqlite: four processes on one hot key keep every window, and every admission is in the file") {
    const scratch here;
    const std::vector<weir::rate> rates{
        {60 / weir_test::slowness, 10ms}, {1'000 / weir_test::slowness, 200ms}, {1'000'000, 1h}};
    const auto config = weir_test::limited(rates, weir::counting::admission);
    const auto begin = std::chrono::steady_clock::now();
    const auto notes = run(each, [&](std::size_t, note* mine) {
        noting_registry limits{noting_store{here.options()}, config};
        for (std::size_t i = 0; i < each; ++i) {
            limits.acquire("hot.example.org", "metadata").arrived();
            mine[i].admitted = noting_store::admitted;
        }
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("sqlite: one hot key, {} processes: {} acquires in {:.2f} s\n", processes, notes.size(), took.count());
    std::vector<instant> at;
    for (const note& n : notes)
        at.push_back(n.admitted);
    CHECK(std::ranges::find(at, instant{}) == at.end());
    for (const weir::rate& r : rates)
        CHECK(weir_test::max_within(at, r.period) <= r.limit);
    // The limits were met, or nothing was tested.
    CHECK((weir_test::max_within(at, 10ms) == rates[0].limit || weir_test::max_within(at, 200ms) == rates[1].limit));

    noting_registry after{noting_store{here.options()}, config};
    const auto handle = after.at("hot.example.org", "metadata");
    const auto seen = after.inspect("hot.example.org", "metadata");
    REQUIRE(seen.has_value());
    CHECK(seen->state.windows[2].used == static_cast<std::int64_t>(notes.size()));
}

TEST_CASE("sqlite: four processes counted until the response never have more than N open or answered within T") {
    const scratch here;
    constexpr std::int64_t limit = 40 / weir_test::slowness;
    const auto config = weir_test::limited({{limit, 20ms}}, weir::counting::response);
    constexpr std::size_t count = each / 5;
    const auto notes = run(count, [&](std::size_t p, note* mine) {
        noting_registry limits{noting_store{here.options()}, config};
        std::mt19937 random{static_cast<std::mt19937::result_type>(p)};
        for (std::size_t i = 0; i < count; ++i) {
            auto permit = limits.acquire("hot.example.org", "metadata");
            mine[i].admitted = noting_store::admitted;
            std::this_thread::sleep_for(std::chrono::microseconds{random() % 500});
            permit.arrived();
            mine[i].answered = noting_clock::last;
        }
    });
    CHECK(max_counted(notes, 20ms) <= limit);
    CHECK(max_counted(notes, 20ms) >= limit - 1);
}

TEST_CASE("sqlite: two processes learn at once, and no step is lost") {
    const scratch here;
    weir_test::check_learning([&] { return weir::sqlite::sqlite_store{here.options()}; }, [] {});
}

TEST_CASE("sqlite: another process finds what one learnt, and unchanged times do not move") {
    const scratch here;
    weir::sqlite::sqlite_store one{here.options()};
    weir::sqlite::sqlite_store other{here.options()};
    weir_test::check_learnt(one, other);
}

TEST_CASE("sqlite: a 429 in one process stops another, until the stated time") {
    const scratch here;
    weir_test::check_stopped([&] { return noting_store{here.options()}; });
}

TEST_CASE("sqlite: a gate that one process takes away by hand is gone for another a second later") {
    const scratch here;
    weir_test::check_opened([&] { return weir::sqlite::sqlite_store{here.options()}; });
}

TEST_CASE("sqlite: four processes share a key by leases: no window over, and every unit is used or back") {
    const scratch here;
    weir_test::check_leases("sqlite, leases", here.path().string(), [&] { return noting_store{here.options()}; });
}

TEST_CASE("sqlite: four processes on a thousand keys: no window over, no key stuck, the sum is right") {
    const scratch here;
    const std::uint64_t seed = weir_test::seed_for("a thousand keys");
    constexpr std::size_t keys = 1'000 / weir_test::slowness;
    const std::vector<weir::rate> rates{{1, 10ms}, {8, 1s}, {1'000'000, 1h}};
    const auto config = weir_test::limited(rates, weir::counting::admission);
    const auto name = [](std::size_t k) { return fmt::format("host-{}.example.org", k); };
    const shared_memory<std::int64_t> denials{processes};
    const auto begin = std::chrono::steady_clock::now();
    const auto notes = run(each, [&](std::size_t p, note* mine) {
        noting_registry limits{noting_store{here.options()}, config};
        std::mt19937_64 random{seed + p};
        std::vector<std::string> names;
        for (std::size_t k = 0; k < keys; ++k)
            names.push_back(name(k));
        for (std::size_t i = 0; i < each;) {
            // A few keys are asked for far more often than the rest.
            const std::size_t k = static_cast<std::size_t>(random() % (random() % 4 == 0 ? keys / 20 : keys));
            auto got = limits.try_acquire(names[k], "metadata");
            if (!got) {
                ++denials[p];
                continue;
            }
            mine[i++] = {noting_store::admitted, {}, k};
        }
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::int64_t denied = 0;
    for (std::size_t p = 0; p < processes; ++p)
        denied += denials[p];
    fmt::print("sqlite: {} keys, {} processes: {} acquires and {} denials in {:.2f} s\n", keys, processes, notes.size(),
               denied, took.count());
    std::vector<std::vector<instant>> by_key(keys);
    for (const note& n : notes)
        by_key[n.key].push_back(n.admitted);
    CHECK(denied > 0);

    noting_registry after{noting_store{here.options()}, config};
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < keys; ++k) {
        for (const weir::rate& r : rates)
            if (weir_test::max_within(by_key[k], r.period) > r.limit)
                FAIL_CHECK("key " << k << " has more than " << r.limit);
        const auto handle = after.at(name(k), "metadata");
        const auto used = after.inspect(name(k), "metadata").value().state.windows[2].used;
        if (used != static_cast<std::int64_t>(by_key[k].size()))
            FAIL_CHECK("key " << k << ": " << used << " in the file, " << by_key[k].size() << " admitted");
        sum += used;
        after.acquire(name(k), "metadata").arrived();
    }
    CHECK(sum == static_cast<std::int64_t>(processes * each));
}
