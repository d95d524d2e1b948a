// SPDX-License-Identifier: MIT
#include "weir/storage/memory_store.hpp"

#include "support/catch.hpp"
#include "support/failing_heap.hpp"

#include "weir/testing/manual_clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;
using weir::settlement;

namespace {
struct fake_inflight {
    bool free;
    [[nodiscard]] bool take() const { return free; }
};

struct fixture {
    weir::testing::manual_clock clock{instant{10s}};
    weir::memory_store<weir::testing::manual_clock> store{clock};
    weir::key_state slot;
    weir::window_plan plan = [] {
        weir::policy p;
        p.rates = {{2, 1s}};
        return weir::plan_windows(p);
    }();

    weir::assessment admit(weir::entry& e, std::int64_t cost = 1, bool inflight = true) {
        return store.admit(slot, plan, cost, clock.now(), fake_inflight{inflight}, e);
    }
    void settle(weir::entry& e, settlement how) { store.settle(slot, plan, e, how, clock.now()); }
    std::int64_t used() { return store.read(slot, plan, clock.now()).windows.at(0).used; }
};
}  // namespace

TEST_CASE("memory_store: a refused in-flight slot changes nothing") {
    fixture f;
    weir::entry e;
    CHECK(f.admit(e, 1, false).cause == cause::inflight);
    CHECK(f.used() == 0);
    CHECK(f.slot.in_flight == 0);
    CHECK(e.state == weir::entry_state::free);
}

TEST_CASE("memory_store: an entry is open, then stamped by its answer, then its slot is free") {
    fixture f;
    weir::entry e;
    REQUIRE(f.admit(e).admits());
    CHECK(f.slot.open == 1);
    f.clock.advance(5s);
    CHECK(f.used() == 1);
    f.settle(e, settlement::answered);
    CHECK(f.slot.open == 0);
    CHECK(f.slot.in_flight == 1);
    f.settle(e, settlement::answered);
    CHECK(f.used() == 1);
    f.settle(e, settlement::released);
    CHECK(f.slot.in_flight == 0);
    f.settle(e, settlement::released);
    CHECK(f.slot.in_flight == 0);
    f.clock.advance(1s);
    CHECK(f.used() == 0);
}

TEST_CASE("memory_store: a refund removes open or stamped units, once") {
    fixture f;
    weir::entry open, stamped, kept;
    REQUIRE(f.admit(open).admits());
    REQUIRE(f.admit(stamped).admits());
    f.settle(stamped, settlement::answered);
    f.settle(open, settlement::refunded);
    f.settle(open, settlement::refunded);
    CHECK(f.used() == 1);
    REQUIRE(f.admit(kept).admits());
    f.settle(kept, settlement::answered);
    f.settle(stamped, settlement::refunded);
    f.settle(stamped, settlement::refunded);
    CHECK(f.used() == 1);
}

TEST_CASE("memory_store: a clock that steps back admits nothing earlier") {
    fixture f;
    REQUIRE(f.store.count(f.slot, f.plan, 2, f.clock.now()).admits());
    f.clock.set(instant{1s});
    const auto refused = f.store.count(f.slot, f.plan, 1, f.clock.now());
    CHECK(refused.cause == cause::window);
    CHECK(refused.at == instant{11s});
    f.clock.set(instant{11s});
    CHECK(f.store.count(f.slot, f.plan, 1, f.clock.now()).admits());
}

TEST_CASE("memory_store: the gate only moves forward, and erase forgets it") {
    fixture f;
    CHECK(f.store.hold(f.slot, instant{20s}));
    CHECK_FALSE(f.store.hold(f.slot, instant{15s}));
    CHECK_FALSE(f.store.idle(f.slot, f.plan, f.clock.now()));
    CHECK(f.store.read(f.slot, f.plan, f.clock.now()).gate == instant{20s});
    f.store.erase(f.slot);
    CHECK(f.store.idle(f.slot, f.plan, f.clock.now()));
}

TEST_CASE("memory_store: a key is idle once no decision depends on it") {
    fixture f;
    weir::entry e;
    CHECK(f.store.idle(f.slot, f.plan, f.clock.now()));
    REQUIRE(f.admit(e).admits());
    CHECK_FALSE(f.store.idle(f.slot, f.plan, f.clock.now()));
    f.settle(e, settlement::released);
    CHECK_FALSE(f.store.idle(f.slot, f.plan, f.clock.now() + 1s - 1ns));
    CHECK(f.store.idle(f.slot, f.plan, f.clock.now() + 1s));
    f.store.tune(f.slot, weir::multiplier::of(0.5));
    CHECK_FALSE(f.store.idle(f.slot, f.plan, f.clock.now() + 1s));
}

TEST_CASE("memory_store: a plan that is not enforced records what it denies, and reports what stood in the way") {
    fixture f;
    f.plan.enforce = false;
    weir::entry a, b, c, inflight;
    CHECK(f.admit(a, 2).cause == cause::none);
    const auto over = f.admit(b, 2);
    CHECK(over.admits());
    CHECK(over.passed);
    CHECK(over.cause == cause::window);
    CHECK(f.used() == 4);
    const auto dear = f.store.count(f.slot, f.plan, 3, f.clock.now());
    CHECK(dear.passed);
    CHECK(dear.cause == cause::never);
    CHECK(f.used() == 7);
    f.clock.advance(2s);
    f.settle(a, settlement::refunded);
    f.settle(b, settlement::refunded);
    CHECK(f.used() == 0);
    const auto full = f.admit(inflight, 1, false);
    CHECK(full.passed);
    CHECK(full.cause == cause::inflight);
    CHECK(f.slot.in_flight == 1);
    CHECK(f.store.hold(f.slot, f.clock.now() + 1s));
    CHECK(f.admit(c, 0).cause == cause::gate);
    CHECK(c.state == weir::entry_state::free);
}

TEST_CASE("memory_store: an abandoned request frees its slot at once, and counts until a window after its grace") {
    fixture f;
    f.plan.max_concurrent = 1;
    weir::entry cut, next;
    REQUIRE(f.admit(cut).admits());
    CHECK(f.admit(next).cause == cause::concurrency);
    cut.grace = 3s;
    f.clock.advance(1s);
    f.settle(cut, settlement::abandoned);  // it may arrive until 14 s
    CHECK(f.slot.in_flight == 0);
    CHECK(f.slot.open == 1);
    CHECK(cut.state == weir::entry_state::free);
    f.settle(cut, settlement::refunded);
    CHECK(f.slot.open == 1);
    REQUIRE(f.admit(next).admits());
    f.settle(next, settlement::released);
    f.clock.set(instant{14s} - 1ns);
    CHECK(f.used() == 1);
    CHECK(f.store.read(f.slot, f.plan, f.clock.now()).open == 1);
    f.clock.set(instant{14s} + 500ms);
    CHECK(f.store.assess_behind(f.slot, f.plan, 2, f.clock.now(), weir::none_ahead{}).at == instant{15s});
    CHECK_FALSE(f.store.idle(f.slot, f.plan, f.clock.now()));
    CHECK(f.admit(next, 2).at == instant{15s});
    CHECK(f.slot.open == 0);
    CHECK(f.store.idle(f.slot, f.plan, instant{15s}));
}

TEST_CASE("memory_store: an entry that is abandoned after its answer, or without a grace, is released") {
    fixture f;
    weir::entry answered, at_once;
    REQUIRE(f.admit(answered).admits());
    f.settle(answered, settlement::answered);
    answered.grace = 1h;
    f.settle(answered, settlement::abandoned);
    REQUIRE(f.admit(at_once).admits());
    f.settle(at_once, settlement::abandoned);
    CHECK(f.slot.open == 0);
    CHECK(f.slot.in_flight == 0);
    f.clock.advance(1s);
    CHECK(f.used() == 0);
}

TEST_CASE("memory_store: an abandoned request keeps its key until it affects no decision") {
    fixture f;
    weir::entry cut;
    REQUIRE(f.admit(cut).admits());
    cut.grace = 3s;
    f.settle(cut, settlement::abandoned);
    f.store.erase(f.slot);
    CHECK_FALSE(f.store.idle(f.slot, f.plan, instant{14s} - 1ns));
    CHECK(f.store.idle(f.slot, f.plan, instant{14s}));
}

namespace {

using store = weir::memory_store<weir::testing::manual_clock>;
static_assert(requires(store& s, weir::key_state& k, const weir::window_plan& plan, weir::entry& e, settlement how,
                       const instant& now) {
    { s.settle(k, plan, e, how, now) } noexcept;
    { s.reduce(k, plan, e, 1, now) } noexcept;
    { s.hold(k, now) } noexcept;
    { s.erase(k) } noexcept;
});

/// What a key answers, to the stamp that its window looks at.
auto seen(fixture& f) {
    const auto r = f.store.read(f.slot, f.plan, f.clock.now());
    std::vector<instant> stamps;
    const instant settled = f.clock.now() - f.plan.kept.longest;
    for (std::int64_t k = 0; k < 100; ++k)
        stamps.push_back(std::max(f.slot.log.nth_newest(k), settled));
    std::vector<std::int64_t> used;
    for (const auto& w : r.windows)
        used.push_back(std::min(w.used, w.limit));  // what is over it is kept coarsely
    return std::tuple{used, r.open, r.in_flight, r.gate, r.factor, r.newest, stamps, f.slot.abandoned.units()};
}

/// A life of a key whose verbs fail at every allocation once, and are then repeated.
template <class Verb>
void with_failures(fixture& f, int& failures, Verb&& verb) {
    const auto before = seen(f);
    for (long n = 0; weir_test::fails_after(n, verb); ++n) {
        ++failures;
        if (seen(f) != before)
            FAIL("a verb that failed at allocation " << n << " has changed something");
    }
}

}  // namespace

TEST_CASE("memory_store: a verb without memory changes nothing, and no settlement needs any") {
    WEIR_NEEDS_FAILING_HEAP();
    int failures = 0;
    for (const bool from_response : {true, false}) {
        fixture f;
        weir::policy p;
        p.rates = {{100, 1s}};
        p.count_from = from_response ? weir::counting::response : weir::counting::admission;
        f.plan = weir::plan_windows(p);
        std::vector<weir::entry> all(400);
        for (std::size_t i = 0; i < all.size(); ++i) {
            f.clock.advance(i % 7 == 0 ? 150ms : 1ms);
            f.plan.enforce = i % 90 < 60;
            weir::entry& e = all[i];
            with_failures(f, failures, [&] {
                static_cast<void>(f.admit(e, i % 50 == 49 ? 90 : 1 + static_cast<std::int64_t>(i % 3)));
            });
            with_failures(f, failures, [&] { static_cast<void>(f.store.count(f.slot, f.plan, 1, f.clock.now())); });
            with_failures(f, failures, [&] {
                static_cast<void>(f.store.assess_behind(f.slot, f.plan, 1, f.clock.now(), weir::none_ahead{}));
            });
            // Some stay open for a while: what is reserved for them may be used in any order.
            if (i < 30)
                continue;
            weir::entry& old = all[i - (i % 3 == 0 ? 30 : i % 30)];
            old.grace = 500ms;
            const bool failed = weir_test::fails_after(0, [&] {
                f.settle(old, i % 5 == 0   ? settlement::abandoned
                              : i % 5 == 1 ? settlement::refunded
                              : i % 5 == 2 ? settlement::answered
                                           : settlement::released);
                static_cast<void>(f.store.hold(f.slot, f.clock.now()));
                f.store.tune(f.slot, weir::multiplier::of(0.9));
                if (i == 350)
                    f.store.erase(f.slot);
            });
            CHECK_FALSE(failed);
        }
        with_failures(f, failures, [&] { static_cast<void>(f.store.read(f.slot, f.plan, f.clock.now())); });
        with_failures(f, failures, [&] {
            f.store.learn(f.slot, [](weir::tuner_state s) {
                s.factor = weir::multiplier::of(0.5);
                return s;
            });
        });
        CHECK(f.slot.factor == weir::multiplier::of(0.5));
    }
    CHECK(failures > 10);
}
