// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/detail/kept_answers.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Answers that are part of the next transaction.

namespace kept_answers_test {

using namespace std::chrono_literals;
using store = weir::sqlite::sqlite_store;

weir::window_plan plan_of(std::vector<weir::rate> rates) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = weir::counting::response;
    return weir::plan_windows(p);
}

void request(store& s, store::slot& slot, const weir::window_plan& plan) {
    weir::entry e;
    REQUIRE(s.admit(slot, plan, 1, s.now(), e).admits());
    s.settle(slot, plan, e, weir::settlement::answered, s.now());
    s.settle(slot, plan, e, weir::settlement::released, s.now());
}
/// So many that the key is hot, however slow the machine is at times. Returns whether an answer waits.
bool make_hot(store& s, store::slot& slot, const weir::window_plan& plan, std::int64_t& made) {
    for (int i = 0; i < 500; ++i) {
        request(s, slot, plan);
        ++made;
        if (i > 3 && s.tend(false) != weir::far_future)
            return true;
    }
    return false;
}

}  // namespace kept_answers_test

TEST_CASE("sqlite: an answer of a hot key is written when the caller falls idle, after 5 ms, or with the store") {
    using namespace kept_answers_test;
    const weir_test::scratch here;
    const auto plan = plan_of({{1'000'000, 1h}});
    store other{here.options()};
    auto seen = other.make_slot("h", "r");
    std::int64_t made = 0;
    const auto used = [&] { return other.read(seen, plan, other.now()).windows[0].used; };
    const auto open = [&] { return other.read(seen, plan, other.now()).open; };
    {
        store s{here.options()};
        auto slot = s.make_slot("h", "r");
        auto elsewhere = s.make_slot("i", "r");
        REQUIRE(make_hot(s, slot, plan, made));
        CHECK(open() == 1);
        CHECK(used() == made);
        s.tend(true);
        CHECK(open() == 0);
        CHECK(used() == made);

        REQUIRE(make_hot(s, slot, plan, made));
        std::this_thread::sleep_for(6ms);
        request(s, elsewhere, plan);
        CHECK(open() == 0);

        REQUIRE(make_hot(s, slot, plan, made));
        s.flush();
        CHECK(open() == 0);

        REQUIRE(make_hot(s, slot, plan, made));
    }
    CHECK(open() == 0);
    CHECK(used() == made);
}

TEST_CASE("sqlite: an answer of a key that is not hot, or under a ceiling, is written at once") {
    using namespace kept_answers_test;
    const weir_test::scratch here;
    weir::policy p;
    p.rates = {{1'000'000, 1h}};
    p.max_concurrent = 5;
    const auto plan = plan_of({{1'000'000, 1h}});
    const auto under_ceiling = weir::plan_windows(p);
    store s{here.options()};
    store other{here.options()};
    auto slot = s.make_slot("h", "r");
    auto seen = other.make_slot("h", "r");
    for (int i = 0; i < 5; ++i) {
        request(s, slot, plan);
        CHECK(other.read(seen, plan, other.now()).open == 0);
        std::this_thread::sleep_for(2ms);
    }
    for (int i = 0; i < 20; ++i) {
        request(s, slot, under_ceiling);
        CHECK(s.tend(false) == weir::far_future);
    }
    CHECK(other.read(seen, plan, other.now()).open == 0);
}

TEST_CASE("sqlite: requests that are answered, taken back, lowered and ended in any order leave no entry") {
    using namespace kept_answers_test;
    const weir_test::scratch here;
    weir_test::dice dice{weir_test::seed_for("sqlite kept answers")};
    const auto plan = plan_of({{1'000'000, 1h}});
    store s{here.options()};
    auto slot = s.make_slot("h", "r");
    std::deque<weir::entry> open;
    std::int64_t units = 0;
    for (int i = 0; i < 3'000; ++i) {
        if (open.size() < 8 && dice.from(0, 1) == 0) {
            const std::int64_t cost = dice.from(1, 3);
            REQUIRE(s.admit(slot, plan, cost, s.now(), open.emplace_back()).admits());
            units += cost;
            continue;
        }
        if (open.empty())
            continue;
        weir::entry& e = open[static_cast<std::size_t>(dice.from(0, static_cast<std::int64_t>(open.size()) - 1))];
        const std::int64_t what = dice.from(0, 9);
        if (what < 4) {
            s.settle(slot, plan, e, weir::settlement::answered, s.now());
        } else if (what == 4 && e.cost > 1) {
            --units;
            s.reduce(slot, plan, e, e.cost - 1, s.now());
        } else {
            if (what == 5)
                units -= e.cost;
            s.settle(slot, plan, e, what == 5 ? weir::settlement::refunded : weir::settlement::released, s.now());
            std::swap(e, open.front());
            open.pop_front();
        }
    }
    for (weir::entry& e : open)
        s.settle(slot, plan, e, weir::settlement::released, s.now());
    s.flush();
    const auto seen = s.read(slot, plan, s.now());
    CHECK(seen.open == 0);
    CHECK(seen.in_flight == 0);
    CHECK(seen.windows[0].used == units);
    CHECK(s.idle(slot, plan, s.now()));
}

TEST_CASE("sqlite: the log is moved into the file between requests, and does not grow without end") {
    using namespace kept_answers_test;
    const weir_test::scratch here;
    const auto plan = plan_of({{1'000'000, 1h}});
    store s{here.options()};
    auto slot = s.make_slot("h", "r");
    for (int i = 0; i < 6'000; ++i)
        request(s, slot, plan);
    s.flush();
    CHECK(std::filesystem::file_size(here.options().path + "-wal") < 8'000'000);
    CHECK(s.read(slot, plan, s.now()).windows[0].used == 6'000);
}
