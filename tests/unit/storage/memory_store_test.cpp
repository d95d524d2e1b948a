// SPDX-License-Identifier: MIT
#include "weir/storage/memory_store.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;
using weir::settlement;

namespace {
struct fake_place {
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

    weir::forecast admit(weir::entry& e, std::int64_t cost = 1, bool place = true) {
        return store.admit(slot, plan, cost, clock.now(), fake_place{place}, e);
    }
    void settle(weir::entry& e, settlement how) { store.settle(slot, plan, e, how, clock.now()); }
    std::int64_t used() { return store.read(slot, plan, clock.now()).windows.at(0).used; }
};
}  // namespace

TEST_CASE("memory_store: a refused place leaves everything as it was") {
    fixture f;
    weir::entry e;
    CHECK(f.admit(e, 1, false).why == cause::inflight);
    CHECK(f.used() == 0);
    CHECK(f.slot.in_flight == 0);
    CHECK(e.state == weir::entry_state::free);
}

TEST_CASE("memory_store: an entry is open, then stamped by its answer, then its place ends") {
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

TEST_CASE("memory_store: a refund takes back what was open or stamped, once") {
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

TEST_CASE("memory_store: defect 16: a clock that steps back admits nothing earlier") {
    fixture f;
    REQUIRE(f.store.count(f.slot, f.plan, 2, f.clock.now()).admits());
    f.clock.set(instant{1s});
    const auto refused = f.store.count(f.slot, f.plan, 1, f.clock.now());
    CHECK(refused.why == cause::window);
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

TEST_CASE("memory_store: a key is idle once no decision would miss it") {
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

TEST_CASE("memory_store: a plan that is not enforced enters what it denies, and says what stood in the way") {
    fixture f;
    f.plan.enforce = false;
    weir::entry a, b, c, place;
    CHECK(f.admit(a, 2).why == cause::none);
    const auto over = f.admit(b, 2);
    CHECK(over.admits());
    CHECK(over.passed);
    CHECK(over.why == cause::window);
    CHECK(f.used() == 4);
    const auto dear = f.store.count(f.slot, f.plan, 3, f.clock.now());
    CHECK(dear.passed);
    CHECK(dear.why == cause::never);
    CHECK(f.used() == 7);
    f.clock.advance(2s);
    f.settle(a, settlement::refunded);
    f.settle(b, settlement::refunded);
    CHECK(f.used() == 0);
    const auto full = f.admit(place, 1, false);
    CHECK(full.passed);
    CHECK(full.why == cause::inflight);
    CHECK(f.slot.in_flight == 1);
    CHECK(f.store.hold(f.slot, f.clock.now() + 1s));
    CHECK(f.admit(c, 0).why == cause::gate);
    CHECK(c.state == weir::entry_state::free);
}
