// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/storage/store.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

// What a store on a server does with single requests, under injected time.

namespace weir_test {

template <class Store>
struct remote_key {
    Store& store;
    weir::window_plan plan;
    typename Store::slot slot;

    remote_key(Store& s, weir::window_plan p, std::string_view host)
        : store(s), plan(std::move(p)), slot(s.make_slot(host, "metadata")) {}

    weir::assessment admit(weir::instant now, weir::entry& e, std::int64_t cost = 1) {
        return store.admit(slot, plan, cost, now, e);
    }
    void settle(weir::instant now, weir::entry& e, weir::settlement how) {
        store.settle(slot, plan, e, how, now);
        store.flush();
    }
    weir::key_snapshot read(weir::instant now) { return store.read(slot, plan, now); }
};

/// A request that was given up is open until its grace is over, and is not in flight.
template <class Store>
void check_abandoned(Store& store) {
    using namespace std::chrono_literals;
    using weir::settlement;
    const weir::instant begin{1h};

    weir::policy p = rates({{1, 100ms}});
    p.max_concurrent = 5;
    {
        remote_key key{store, weir::plan_windows(p), "one.org"};
        weir::entry e, next;
        REQUIRE(key.admit(begin, e).admits());
        weir::entry copy = e;
        e.grace = copy.grace = 50ms;
        key.settle(begin + 10ms, e, settlement::abandoned);
        CHECK(key.read(begin + 20ms).open == 1);
        CHECK(key.read(begin + 20ms).in_flight == 0);
        // Neither settled nor taken back any more.
        for (const auto how : {settlement::refunded, settlement::released, settlement::abandoned}) {
            weir::entry again = copy;
            again.grace = 0ms;
            key.settle(begin + 30ms, again, how);
        }
        CHECK(key.read(begin + 59ms).open == 1);
        CHECK(key.read(begin + 60ms).open == 0);
        CHECK(key.admit(begin + 159ms, next).at == begin + 160ms);
        CHECK(key.admit(begin + 160ms, next).admits());
    }
    {
        // Answered before: it counts from the answer, and its place ends.
        remote_key key{store, weir::plan_windows(p), "answered.org"};
        weir::entry e, next;
        REQUIRE(key.admit(begin, e).admits());
        e.grace = 50ms;
        key.settle(begin + 10ms, e, settlement::answered);
        CHECK(key.read(begin + 10ms).in_flight == 1);
        key.settle(begin + 20ms, e, settlement::abandoned);
        CHECK(key.read(begin + 20ms).in_flight == 0);
        CHECK(key.admit(begin + 110ms, next).admits());
    }
    for (const std::int64_t ceiling : {0, 5}) {
        // Counted from its admission: its stamp stays as it is.
        weir::policy counted = p;
        counted.count_from = weir::counting::admission;
        counted.max_concurrent = ceiling;
        remote_key key{store, weir::plan_windows(counted), ceiling == 0 ? "stamp.org" : "entry.org"};
        weir::entry e, next;
        REQUIRE(key.admit(begin, e).admits());
        e.grace = 50ms;
        key.settle(begin + 20ms, e, settlement::abandoned);
        CHECK(key.read(begin + 20ms).in_flight == 0);
        CHECK(key.read(begin + 20ms).windows.at(0).used == 1);
        CHECK(key.admit(begin + 100ms, next).admits());
    }
    {
        // Many, so that a store that keeps old entries apart finds them there.
        weir::policy many = rates({{1'000, 1s}});
        many.max_concurrent = 90;
        remote_key key{store, weir::plan_windows(many), "many.org"};
        std::vector<weir::entry> all(90);
        for (weir::entry& e : all)
            REQUIRE(key.admit(begin, e, 2).admits());
        weir::entry more;
        CHECK(key.admit(begin, more).cause == weir::cause::concurrency);
        for (std::size_t i = 0; i < all.size(); i += 2) {
            all[i].grace = 1ms * static_cast<int>(i + 1);
            key.settle(begin, all[i], settlement::abandoned);
        }
        CHECK(key.read(begin).in_flight == 45);
        CHECK(key.read(begin).open == 180);
        CHECK(key.admit(begin, more).admits());
        key.settle(begin, more, settlement::refunded);
        CHECK(key.read(begin + 44ms).open == 180 - 2 * 22);
        CHECK(key.read(begin + 90ms).open == 90);
        CHECK(key.read(begin + 90ms).in_flight == 45);
        CHECK(key.read(begin + 1s + 45ms).windows.at(0).used == 90 + 2 * 22);
    }
}

/// A request that costs more than a window holds waits until that is empty, and is charged in full everywhere.
template <class Store>
void check_costs(Store& store) {
    using namespace std::chrono_literals;
    const weir::instant begin{1h};
    for (const auto from : {weir::counting::admission, weir::counting::response}) {
        const bool at_once = from == weir::counting::admission;
        const weir::policy p = rates({{10, 100ms}, {100, 1s}}, from);
        remote_key key{store, weir::plan_windows(p, weir::multiplier::of(0.2)), at_once ? "a.org" : "b.org"};
        REQUIRE(key.plan.windows.at(0).limit == 2);
        weir::entry small, large, none;
        REQUIRE(key.admit(begin, small).admits());
        key.settle(begin, small, weir::settlement::released);
        const auto f = key.admit(begin + 50ms, large, 10);
        CHECK(f.cause == weir::cause::window);
        CHECK(f.at == begin + key.plan.windows[0].period);
        REQUIRE(key.admit(f.at, large, 10).admits());
        CHECK(key.read(f.at).windows.at(0).used == 10);
        CHECK(key.read(f.at).windows.at(1).used == 11);
        CHECK_FALSE(key.admit(f.at, none).admits());
        // Taken back it leaves nothing.
        key.settle(f.at, large, weir::settlement::refunded);
        CHECK(key.read(f.at).windows.at(0).used == 0);
        CHECK(key.read(f.at).windows.at(1).used == 1);
        CHECK(key.admit(f.at, large, 10).admits());

        const auto never = key.admit(f.at, none, 11);
        CHECK(never.cause == weir::cause::never);
        CHECK(never.at == weir::far_future);
        CHECK_FALSE(never.admits());
        key.plan.enforce = false;
        const auto passed = key.admit(f.at, none, 11);
        CHECK(passed.cause == weir::cause::never);
        CHECK(passed.admits());
        CHECK(key.read(f.at).windows.at(0).used == 21);
    }
}

/// A refund takes out what was entered, though it is many units and others were entered meanwhile.
template <class Store>
void check_large_refunds(Store& store) {
    using namespace std::chrono_literals;
    const weir::instant begin{1h};
    remote_key key{store, weir::plan_windows(rates({{5'000, 1h}}, weir::counting::admission)), "large.org"};
    weir::entry first, large, later;
    REQUIRE(key.admit(begin, first, 700).admits());
    REQUIRE(key.admit(begin + 1ms, large, 3'000).admits());
    REQUIRE(key.admit(begin + 2ms, later, 600).admits());
    key.settle(begin + 3ms, large, weir::settlement::refunded);
    CHECK(key.read(begin + 3ms).windows.at(0).used == 1'300);
    REQUIRE(key.admit(begin + 4ms, large, 3'700).admits());
    CHECK(key.admit(begin + 4ms, later).at == begin + 1h);
    key.settle(begin + 5ms, large, weir::settlement::refunded);
    CHECK(key.admit(begin + 1h, large, 4'400).admits());
    CHECK_FALSE(key.admit(begin + 1h, later).admits());
}

}  // namespace weir_test
