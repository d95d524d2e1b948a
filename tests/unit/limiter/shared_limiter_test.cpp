// SPDX-License-Identifier: MIT
#include "weir/limiter/shared_limiter.hpp"

#include "support/catch.hpp"
#include "support/limiter.hpp"
#include "support/plain_store.hpp"

#include "weir/storage/any_store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;
using weir::outcome;

namespace {

using clock_type = weir::testing::manual_clock;
using shared_store = weir::testing::shared_store<clock_type>;
using limiter = weir::shared_limiter<shared_store>;
using waiting = weir_test::noting_waiter;

/// One process's view of a key; two of them share the store.
struct process : weir_test::one_key<shared_store> {
    process(shared_store common, clock_type c, const weir::policy& p, std::int64_t inflight = 0)
        : one_key(std::move(common), p, inflight), clock(std::move(c)) {}

    weir::assessment decide(weir::entry& e, std::int64_t cost = 1) { return one_key::decide(e, clock.now(), cost); }
    bool submit(waiting& w) { return one_key::submit(w, clock.now()); }
    bool cancel(waiting& w) { return one_key::cancel(w, clock.now()); }
    void serve() { one_key::serve(clock.now()); }
    bool hold(instant until) { return one_key::hold(until, clock.now()); }
    bool open_gate() { return one_key::open_gate(clock.now()); }
    void settle(weir::entry& e, weir::settlement how) { one_key::settle(e, how, clock.now()); }
    std::string take_store_error() { return log.take_store_error(); }

    clock_type clock;
};

weir::policy limited(std::int64_t limit, weir::duration period) {
    weir::policy p;
    p.rates = {{limit, period}};
    p.count_from = weir::counting::admission;
    return p;
}

/// One place in flight, which is taken.
struct full_house {
    full_house() { REQUIRE(p.decide(first).admits()); }

    /// Gives the slot back and serves the key that waits for it.
    void free_inflight() {
        REQUIRE(p.free_slot(clock.now()));
        CHECK(p.ceiling.next_turn() == nullptr);
    }

    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(10, 10s), 1};
    weir::entry first;
};

}  // namespace

TEST_CASE("shared_limiter: two processes share one window, and a known denial makes no call") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process a{common, clock, limited(2, 10s)}, b{common, clock, limited(2, 10s)};
    weir::entry e;
    CHECK(a.decide(e).admits());
    CHECK(b.decide(e).admits());
    clock.advance(1s);
    const auto denied = a.decide(e);
    CHECK(denied.cause == cause::window);
    CHECK(denied.at == instant{20s});
    const auto calls = common.calls();
    weir::decision known;
    CHECK(a.core.denial.read(instant{12s}, known));
    CHECK(known.retry_at == instant{20s});
    CHECK(common.calls() == calls);
}

TEST_CASE("shared_limiter: waiters are granted in order, one try each time the head's time has come") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(1, 10s)};
    weir::entry e;
    REQUIRE(p.decide(e).admits());
    clock.advance(1s);
    waiting a, b, late{instant{25s}};
    REQUIRE(p.submit(a));
    REQUIRE(p.submit(b));
    CHECK(p.submit(late));
    CHECK(p.next_due() == instant{20s});
    const auto calls = common.calls();
    clock.set(instant{19s});
    p.serve();
    CHECK(common.calls() == calls);
    clock.set(instant{20s});
    p.serve();
    CHECK(a.is_completed);
    CHECK_FALSE(b.is_completed);
    CHECK(common.calls() == calls + 2);  // one for a, and one that tells b its time
    CHECK(late.is_completed);            // nobody behind b can go before 30 s
    CHECK(late.verdict.outcome == outcome::denied);
    clock.set(instant{30s});
    p.serve();
    CHECK(b.verdict.granted());
    CHECK(p.core.queue_empty());
    CHECK(p.next_due() == weir::far_future);
}

TEST_CASE("shared_limiter: a cancel during the call takes back what the call was granted") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(1, 10s);
    process p{common, clock, rules, 5};
    weir::entry e;
    REQUIRE(p.decide(e).admits());
    waiting w;
    REQUIRE(p.submit(w));
    clock.set(instant{20s});
    common.before([&](std::string_view verb) {
        if (verb == "admit" && w.verdict.outcome != outcome::cancelled)
            CHECK(p.cancel(w));
    });
    p.serve();
    common.before({});
    CHECK(w.is_completed);
    CHECK(w.verdict.outcome == outcome::cancelled);
    CHECK(p.ceiling.taken() == 1);  // the first request's
    CHECK(p.decide(e).admits());    // the window is as if it had not been
}

TEST_CASE("shared_limiter: a store that fails denies with its own cause, says why, and is tried again") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(1, 10s);
    rules.on_store_error = weir::store_failure::closed;
    process p{common, clock, rules, 3};
    bool down = true;
    common.before([&](std::string_view) {
        if (down)
            throw weir::store_error{"no route to the store"};
    });
    weir::entry e;
    const auto f = p.decide(e);
    CHECK(f.cause == cause::store);
    CHECK(p.take_store_error() == std::string{"no route to the store"});
    CHECK(p.take_store_error().empty());
    CHECK(p.ceiling.taken() == 0);
    waiting w;
    REQUIRE(p.submit(w));
    CHECK(p.next_due() == instant{10s} + limiter::retry_failed);
    down = false;
    clock.advance(limiter::retry_failed);
    p.serve();
    CHECK(w.verdict.granted());
}

TEST_CASE("shared_limiter: the head that lacks an in-flight slot stands in line and is notified when one is free") {
    full_house house;
    process& p = house.p;
    waiting w;
    REQUIRE(p.submit(w));
    p.serve();
    CHECK_FALSE(w.is_completed);
    CHECK(p.next_due() == w.deadline);
    const auto calls = house.common.calls();
    p.serve();
    CHECK(house.common.calls() == calls);
    house.free_inflight();
    p.serve();
    CHECK(w.verdict.granted());
}

// The one who gave a place back served that key for ever.
TEST_CASE("shared_limiter: a call that outlived its waiter leaves no key in the ceiling's line") {
    full_house house;
    process& p = house.p;
    waiting w;
    REQUIRE(p.submit(w));
    CHECK(p.cancel(w));
    CHECK_FALSE(p.ceiling.give_back());  // no key waits
    CHECK(p.ceiling.next_turn() == nullptr);
}

// The first deadline of the queue was taken for the time by which the head wakes.
TEST_CASE("shared_limiter: the head is notified at its time, though another waiter's deadline was earlier") {
    full_house house;
    process& p = house.p;
    waiting w, impatient{instant{12s}};
    REQUIRE(p.submit(w));
    REQUIRE(p.submit(impatient));
    p.serve();  // the head has looked, and sleeps until a place comes free
    const int before = w.woken;
    house.clock.set(instant{13s});
    house.free_inflight();
    CHECK(impatient.is_completed);
    CHECK(w.woken == before + 1);
    p.serve();
    CHECK(w.verdict.granted());
}

TEST_CASE("shared_limiter: while the store fails, a log of this process decides on its share and the gate") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(8, 10s);
    rules.count_from = weir::counting::response;
    REQUIRE(rules.on_store_error == weir::store_failure::local);
    process p{common, clock, rules, 4};
    bool down = true;
    common.before([&](std::string_view) {
        if (down)
            throw weir::store_error{"no route to the store"};
    });
    weir::entry a, b, c;
    CHECK(p.decide(a).admits());
    CHECK(a.home == weir::entry_home::local);
    CHECK(p.take_store_error() == "no route to the store");
    CHECK(p.decide(b).admits());  // 25 % of 8
    CHECK(p.take_store_error() == "no route to the store");
    CHECK(common.calls() == 1);  // it was not asked again so soon
    const auto f = p.decide(c);
    CHECK(f.cause == cause::store);
    CHECK(f.at == instant{10s + limiter::retry_failed});
    CHECK(p.ceiling.taken() == 2);
    clock.advance(1s);
    p.settle(a, weir::settlement::released);
    p.settle(b, weir::settlement::refunded);
    CHECK(p.decide(b).admits());
    CHECK(p.decide(c).cause == cause::store);

    SECTION("its windows pass like any other") {
        p.settle(b, weir::settlement::answered);
        clock.advance(10s);
        CHECK(p.decide(c).admits());
    }
    SECTION("a gate that the store did not get stops this process") {
        p.settle(b, weir::settlement::refunded);
        CHECK(p.hold(instant{40s}));
        clock.set(instant{39s});
        CHECK(p.decide(c).cause == cause::gate);
        clock.set(instant{40s});
        CHECK(p.decide(c).admits());
    }
    SECTION("the store is asked again, and decides from then on") {
        down = false;
        CHECK_FALSE(p.take_store_error().empty());
        clock.advance(limiter::retry_failed);
        // It counts the two units that were admitted without it, so six of eight are left.
        for (int i = 0; i < 6; ++i) {
            CHECK(p.decide(c).admits());
            CHECK(c.home == weir::entry_home::store);
            p.settle(c, weir::settlement::answered);
            static_cast<void>(p.ceiling.give_back());
        }
        CHECK(p.decide(c).cause == cause::window);
        p.settle(b, weir::settlement::released);  // what was entered alone is settled alone
        CHECK(p.take_store_error().empty());
    }
}

TEST_CASE("shared_limiter: a gate that the store did not get is sent before the next decision") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(8, 10s)}, other{common, clock, limited(8, 10s)};
    bool down = true;
    common.before([&](std::string_view verb) {
        if (down && verb == "hold")
            throw weir::store_error{"no route to the store"};
    });
    CHECK(p.hold(instant{40s}));
    down = false;
    weir::entry e;
    CHECK(p.decide(e).cause == cause::gate);
    CHECK(other.decide(e).cause == cause::gate);
    clock.set(instant{40s});
    CHECK(other.decide(e).admits());
}

TEST_CASE("shared_limiter: an open policy admits every request while the store fails, but not before the gate opens") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(1, 10s);
    rules.on_store_error = weir::store_failure::open;
    process p{common, clock, rules};
    weir::entry e;
    REQUIRE(p.decide(e).admits());
    REQUIRE(p.decide(e).cause == cause::window);
    common.before([](std::string_view) { throw weir::store_error{"no route to the store"}; });
    for (int i = 0; i < 5; ++i)
        CHECK(p.decide(e).admits());
    CHECK(p.hold(instant{40s}));
    CHECK(p.decide(e).cause == cause::gate);
}

TEST_CASE("shared_limiter: another process's factor scales the windows from the next call on") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process a{common, clock, limited(10, 10s)}, b{common, clock, limited(10, 10s)};
    a.tune(weir::multiplier::of(0.1), clock.now());
    CHECK(a.core.plan().windows.at(0).limit == 1);
    weir::entry e;
    REQUIRE(b.decide(e).admits());
    CHECK(b.core.plan().windows.at(0).limit == 1);
    CHECK(b.decide(e).cause == cause::window);
}

TEST_CASE(
    "shared_limiter: a cost above the limit is never granted, and a gate refuses a request that cannot wait for it") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(2, 10s)};
    weir::entry e;
    CHECK(p.decide(e, 3).cause == cause::never);
    REQUIRE(p.decide(e, 2).admits());
    waiting w{instant{30s}}, behind{instant{40s}};
    REQUIRE(p.submit(w));
    REQUIRE(p.submit(behind));
    CHECK(p.hold(instant{60s}));
    CHECK(behind.is_completed);
    CHECK(behind.verdict.cause == cause::gate);
    clock.set(instant{30s});
    p.serve();
    CHECK(w.is_completed);
    CHECK(w.verdict.cause == cause::gate);
    CHECK(w.verdict.retry_at == instant{60s});
}

TEST_CASE("shared_limiter: rules that are not enforced admit every request, also above the ceiling, and report it") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(1, 10s);
    rules.enforce = false;
    process p{common, clock, rules, 1};
    weir::entry a, b;
    CHECK(p.decide(a).cause == cause::none);
    const auto f = p.decide(b);
    CHECK(f.admits());
    CHECK(f.cause == cause::window);
    CHECK(p.ceiling.taken() == 2);
    weir::entry dear;
    CHECK(p.decide(dear, 7).cause == cause::never);
    CHECK(p.ceiling.taken() == 3);
}

TEST_CASE("shared_limiter: no request waits for a gate that is farther away than max_hold") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    weir::policy rules = limited(1, 10s);
    rules.max_hold = 5s;
    process p{common, clock, rules};
    weir::entry e;
    REQUIRE(p.decide(e).admits());
    waiting queued, late;
    REQUIRE(p.submit(queued));
    CHECK(p.hold(instant{40s}));
    CHECK(queued.is_completed);
    CHECK(queued.verdict.cause == cause::gate);
    CHECK_FALSE(p.submit(late));
    CHECK(late.verdict.cause == cause::gate);
    CHECK(late.verdict.retry_at == instant{40s});
}

namespace {

/// A factor that a process sets is its own where the store does not keep it, and the key is kept for it.
template <class Store>
void check_own_factor(Store store, const clock_type& clock) {
    weir_test::one_key<Store> a{store, limited(10, 10s)}, b{store, limited(10, 10s)};
    CHECK(a.log.is_idle(a.store, clock.now()));
    a.tune(weir::multiplier::of(0.1), clock.now());
    CHECK(a.log.factor(a.store) == weir::multiplier::of(0.1));
    CHECK(a.core.plan().windows.at(0).limit == 1);
    CHECK_FALSE(a.log.is_idle(a.store, clock.now() + 24h));
    CHECK(b.log.is_idle(b.store, clock.now() + 24h));
    weir::entry e;
    REQUIRE(b.decide(e, clock.now()).admits());
    CHECK(b.core.plan().windows.at(0).limit == 10);
    CHECK(a.decide(e, clock.now()).cause == cause::window);
    a.run(clock.now(), [&](auto& s) {
        a.log.erase(s);
        return 0;
    });
    CHECK(a.log.factor(a.store).is_one());
    CHECK(a.core.plan().windows.at(0).limit == 10);
}

}  // namespace

TEST_CASE("shared_limiter: beside a store that learns nothing, each process keeps its own factor") {
    clock_type clock{instant{10s}};
    SECTION("a store of five verbs") { check_own_factor(weir_test::plain_store{shared_store{clock}}, clock); }
    SECTION("whose kind is chosen at run time") {
        check_own_factor(weir::any_store{weir_test::plain_store{shared_store{clock}}}, clock);
    }
}

TEST_CASE("shared_limiter: an entry that the store cannot lower stays as it is, and makes no room") {
    clock_type clock{instant{10s}};
    weir_test::one_key<weir::any_store> key{weir::any_store{weir_test::plain_store{shared_store{clock}}},
                                            limited(2, 10s)};
    weir::entry e, other;
    REQUIRE(key.decide(e, clock.now(), 2).admits());
    REQUIRE(key.decide(other, clock.now() + 1s).cause == cause::window);
    CHECK(key.core.denial.is_set());
    key.run(clock.now() + 1s, [&](auto& s) {
        key.log.reduce(s, e, 1);
        return 0;
    });
    CHECK(e.cost == 2);
    CHECK(key.core.denial.is_set());
}

TEST_CASE("shared_limiter: no request waits for a paused key whose time is up") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(2, 10s)};
    p.core.is_paused = true;
    waiting now{instant{10s}}, later{instant{11s}};
    CHECK_FALSE(p.submit(now));
    CHECK(now.verdict.outcome == outcome::denied);
    CHECK(p.submit(later));
}

TEST_CASE("shared_limiter: a gate that another process takes away is asked for again after a second") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process a{common, clock, limited(2, 10s)}, b{common, clock, limited(2, 10s)};
    REQUIRE(a.hold(instant{10s} + 1h));
    weir::entry e;
    CHECK(b.decide(e).at == instant{10s} + 1h);
    weir::decision known;
    const auto calls = common.calls();
    SECTION("by what is known without a call, which says when the gate opens") {
        clock.advance(1s - 1ns);
        REQUIRE(b.core.denial.read(clock.now(), known));
        CHECK(known.cause == cause::gate);
        CHECK(known.retry_at == instant{10s} + 1h);
        clock.advance(1ns);
        CHECK_FALSE(b.core.denial.read(clock.now(), known));
        CHECK(common.calls() == calls);
        CHECK(b.decide(e).cause == cause::gate);
        CHECK(common.calls() == calls + 1);
        CHECK(b.core.denial.read(clock.now(), known));
        CHECK(a.open_gate());
        CHECK_FALSE(a.core.denial.read(clock.now(), known));
        clock.advance(1s);
        CHECK(b.decide(e).admits());
    }
    SECTION("by the first that waits, once a second, and no waiter is refused meanwhile") {
        waiting first, second;
        REQUIRE(b.submit(first));
        REQUIRE(b.submit(second));
        for (int i = 0; i < 5; ++i) {
            CHECK(b.next_due() == clock.now() + 1s);
            clock.advance(1s);
            b.serve();
        }
        CHECK(common.calls() <= calls + 6);
        CHECK_FALSE(first.is_completed);
        CHECK(a.open_gate());
        clock.advance(1s);
        b.serve();
        CHECK(first.verdict.granted());
        CHECK(second.verdict.granted());
    }
    SECTION("by the process that has closed it itself") {
        waiting w;
        REQUIRE(a.submit(w));
        CHECK(b.open_gate());
        clock.advance(1s);
        a.serve();
        CHECK(w.verdict.granted());
    }
}

TEST_CASE("shared_limiter: a gate that the store has not heard of is taken away too, and a failure is said") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(2, 10s)};
    bool fails = true;
    common.before([&](std::string_view) {
        if (fails)
            throw weir::store_error{"out"};
    });
    REQUIRE(p.hold(instant{10s} + 1h));
    CHECK_FALSE(p.open_gate());
    CHECK(p.take_store_error() == "out");
    fails = false;
    clock.advance(1s);
    weir::entry e;
    CHECK(p.decide(e).admits());
}

TEST_CASE("shared_limiter: a peek names what stands in the way, and enters nothing") {
    clock_type clock{instant{10s}};
    shared_store common{clock};
    process p{common, clock, limited(2, 10s), 1}, other{common, clock, limited(2, 10s)};
    const auto peek = [&](std::int64_t cost) {
        return p.run(clock.now(), [&](auto& s) { return p.log.peek(s, cost); });
    };
    for (int i = 0; i < 3; ++i)
        CHECK(peek(2).cause == cause::none);
    weir::entry e;
    REQUIRE(other.decide(e).admits());
    CHECK(peek(1).cause == cause::none);
    CHECK(peek(2).cause == cause::window);
    REQUIRE(p.ceiling.try_take());
    CHECK(peek(1).cause == cause::inflight);
    CHECK(peek(0).cause == cause::none);
    CHECK(other.hold(instant{40s}));
    CHECK(peek(0).cause == cause::gate);
    CHECK(peek(0).at == instant{40s});
}
