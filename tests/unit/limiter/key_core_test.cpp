// SPDX-License-Identifier: MIT
#include "weir/limiter/key_core.hpp"

#include "support/catch.hpp"
#include "support/limiter.hpp"

#include "weir/storage/memory_store.hpp"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("key_core: a denial is explained under the active rules, and one of old rules names no limit") {
    weir::policy p;
    p.rates = {{1, 1s}};
    weir::key_core key{weir::key_rules::make(p, {})};
    CHECK(key.queue_empty());
    CHECK(key.next_due() == weir::far_future);
    CHECK(key.to_decision({instant{}, weir::cause::none, 0}).granted());
    CHECK(key.to_decision({instant{2s}, weir::cause::window, 0}).limit == weir::rate{1, 1s});
    CHECK_FALSE(key.to_decision({instant{2s}, weir::cause::window, 3}).limit.has_value());
    CHECK(key.to_decision({instant{2s}, weir::cause::never, 0}).outcome == weir::outcome::never);
}

TEST_CASE("key_core: a request that comes after another is never before it, and keeps a hold of its own") {
    using weir::cause;
    const weir::assessment ahead{instant{5s}, cause::window, 2};
    const auto same = weir::key_core::behind(ahead, {instant{7s}, cause::gate, 0});
    CHECK(same.at == instant{7s});
    CHECK(same.cause == cause::gate);
    const auto later = weir::key_core::behind(ahead, {instant{3s}, cause::gate, 0});
    CHECK(later.at == instant{5s});
    CHECK(later.cause == cause::window);
    CHECK(later.window == 2);
    CHECK_FALSE(weir::key_core::behind(ahead, {instant{7s}, cause::none, 0}).admits());
    const auto held = weir::key_core::behind(ahead, {instant{3s}, cause::gate, 0, true});
    CHECK(held.beyond_max_hold);
    CHECK(held.cause == cause::gate);
}

TEST_CASE("key_core: what cannot be served by its deadline, or finds the queue full, does not wait") {
    using weir::cause;
    weir::policy p;
    p.rates = {{1, 1s}};
    p.max_waiting = 1;
    p.max_hold = 10s;
    weir::key_core key{weir::key_rules::make(p, {})};
    weir_test::noting_waiter w{instant{5s}};
    const weir::assessment soon{instant{2s}, cause::window, 0};
    CHECK_FALSE(key.refuses_to_queue(w, soon, instant{1s}));
    CHECK(key.refuses_to_queue(w, soon, instant{5s}));
    CHECK(key.refuses_to_queue(w, {instant{6s}, cause::window, 0}, instant{1s}));
    CHECK(key.refuses_to_queue(w, {instant{6s}, cause::never, 0}, instant{1s}));
    CHECK(key.mark_held({instant{12s}, cause::gate, 0}, instant{1s}).beyond_max_hold);
    CHECK_FALSE(key.mark_held({instant{11s}, cause::gate, 0}, instant{1s}).beyond_max_hold);
    CHECK_FALSE(key.mark_held({instant{12s}, cause::window, 0}, instant{1s}).beyond_max_hold);

    key.make_room();
    key.queue().push(w, soon);
    key.queue().set_front_due(key.due_of(soon));
    CHECK(key.refuses_to_queue(w, soon, instant{1s}));
    CHECK(key.wake_of(w, false) == instant{2s});
    const weir_test::noting_waiter behind{instant{9s}};
    CHECK(key.wake_of(behind, false) == instant{9s});
    CHECK(key.wake_of(behind, true) == instant{2s});
    CHECK(key.due_of({instant{2s}, cause::inflight, 0}) == weir::far_future);
    key.is_paused = true;
    CHECK(key.due_of(soon) == weir::far_future);

    weir::memory_store<> store;
    weir::inflight_ceiling ceiling;
    weir::key_step<weir::memory_store<>> step{store, ceiling, instant{2s}};
    key.complete_cancelled(step, w);
    CHECK(key.queue_empty());
    step.done.call();
    CHECK(w.is_completed);
    CHECK(w.verdict.outcome == weir::outcome::cancelled);
}

TEST_CASE("key_core: a head that finds no in-flight slot puts its key in line, which counts as a reference") {
    weir::key_core key{weir::key_rules::make({}, {})};
    key.make_room();
    weir::inflight_ceiling ceiling{1};
    CHECK(key.take_in_turn(ceiling));
    CHECK(key.references == 0);
    CHECK_FALSE(key.take_in_turn(ceiling));
    CHECK(key.references == 1);
    key.leave_line(ceiling);
    CHECK(key.references == 0);
}
