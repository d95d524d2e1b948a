// SPDX-License-Identifier: MIT
#include "weir/algorithm/admission.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;

namespace {
weir::window_plan plan_of(std::vector<weir::rate> rates) {
    weir::policy p;
    p.rates = std::move(rates);
    return weir::plan_windows(p);
}
void push(weir::key_state& state, const weir::window_plan& plan, std::int64_t cost, instant at) {
    weir::make_room(state, plan, cost, at);
    state.log.push(at, cost, plan.kept);
}
}  // namespace

TEST_CASE("admission: every window binds, in whatever order they are written") {
    for (const auto& plan : {plan_of({{10, 1s}, {5, 1h}}), plan_of({{5, 1h}, {10, 1s}})}) {
        weir::key_state state;
        int admitted = 0;
        for (; weir::assess(state, plan, 1, instant{1s}).admits(); ++admitted)
            push(state, plan, 1, instant{1s});
        CHECK(admitted == 5);
        const auto f = weir::assess(state, plan, 1, instant{2s});
        CHECK(f.cause == cause::window);
        CHECK(f.at == instant{1h + 1s});
        CHECK(plan.shown[f.window] == weir::rate{5, 1h});
    }
}

TEST_CASE("admission: a stamp counts for exactly T") {
    const auto plan = plan_of({{1, 1s}});
    weir::key_state state;
    push(state, plan, 1, instant{1s});
    CHECK_FALSE(weir::assess(state, plan, 1, instant{2s - 1ns}).admits());
    CHECK(weir::assess(state, plan, 1, instant{2s}).admits());
}

TEST_CASE("admission: an open entry counts until it is answered, which is now at best") {
    const auto plan = plan_of({{1, 1s}});
    weir::key_state state;
    weir::make_room(state, plan, 1, instant{1s});
    CHECK(weir::record(state, plan, 1, instant{1s}, true) == weir::entry_state::open);
    const auto f = weir::assess(state, plan, 1, instant{100s});
    CHECK(f.cause == cause::window);
    CHECK(f.at == instant{101s});
    weir::key_state other;
    weir::make_room(other, plan, 1, instant{1s});
    CHECK(weir::record(other, plan, 1, instant{1s}, false) == weir::entry_state::stamped);
    CHECK(other.open == 0);
}

TEST_CASE("admission: a cost above a limit gives never") {
    const auto plan = plan_of({{10, 1s}, {3, 1h}});
    const auto f = weir::assess(weir::key_state{}, plan, 4, instant{});
    CHECK(f.cause == cause::never);
    CHECK(f.window == 1);
    CHECK(f.at == weir::far_future);
    CHECK(weir::assess(weir::key_state{}, plan, 3, instant{}).admits());
}

TEST_CASE(
    "admission: a cost above a cut, burst or reported window needs it empty, and is charged in full in every other") {
    weir::policy p;
    p.rates = {{10, 1s}, {29, 60s}};
    p.burst = 2;
    const weir::server_rates reported{{{3, 2s}}};
    const auto plan = weir::plan_windows(p, weir::multiplier::of(0.5), &reported);
    CHECK(plan.max_cost == 10);
    weir::key_state state;
    REQUIRE(weir::assess(state, plan, 10, instant{1s}).admits());
    push(state, plan, 10, instant{1s});
    // The window of three units that the server reported is the last to become empty.
    const auto second = weir::assess(state, plan, 4, instant{1s});
    CHECK(second.cause == cause::window);
    CHECK(second.at == instant{3s});
    CHECK(weir::assess(state, plan, 4, instant{3s - 1ns}).cause == cause::window);
    REQUIRE(weir::assess(state, plan, 1, instant{3s}).admits());
    // 15 units a minute are left of 29: 10 are used, so 5 more go at once and 10 do not.
    CHECK(weir::assess(state, plan, 5, instant{3s}).admits());
    const auto minute = weir::assess(state, plan, 10, instant{3s});
    CHECK(minute.cause == cause::window);
    CHECK(minute.window == 1);
    CHECK(minute.at > instant{60s});
    CHECK(weir::assess(state, plan, 11, instant{3s}).cause == cause::never);
    // While anything is open, no window is empty.
    weir::key_state busy;
    busy.open = 1;
    CHECK(weir::assess(busy, plan, 10, instant{1s}).cause == cause::window);
    CHECK(weir::assess(busy, weir::window_plan{}, weir::rate::max, instant{1s}).admits());
}

TEST_CASE("admission: the later of window and gate decides, and only the gate stops an uncounted request") {
    const auto plan = plan_of({{1, 10s}});
    weir::key_state state;
    push(state, plan, 1, instant{0s});
    state.gate = instant{5s};
    CHECK(weir::assess(state, plan, 1, instant{1s}).cause == cause::window);
    CHECK(weir::assess(state, plan, 0, instant{1s}).cause == cause::gate);
    CHECK(weir::assess(state, plan, 0, instant{5s}).admits());
    state.gate = instant{20s};
    CHECK(weir::assess(state, plan, 1, instant{1s}).cause == cause::gate);
    CHECK(weir::assess(state, plan, 1, instant{1s}).at == instant{20s});
}

TEST_CASE("admission: a full ceiling has no time of its own") {
    auto plan = plan_of({{10, 1s}});
    plan.max_concurrent = 2;
    weir::key_state state;
    state.in_flight = 2;
    const auto f = weir::assess(state, plan, 1, instant{3s});
    CHECK(f.cause == cause::concurrency);
    CHECK(f.at == instant{3s});
}

TEST_CASE("warm_up: after a loss nothing counts before the shortest window has passed") {
    const auto plan = plan_of({{100, 1h}, {10, 2s}, {50, 1min}});
    const instant lost{10s};
    CHECK(weir::warm_up(plan, 1, lost, lost + 1s).at == lost + 2s);
    CHECK(weir::warm_up(plan, 1, lost, lost + 1s).cause == cause::window);
    CHECK(weir::warm_up(plan, 1, lost, lost + 1s).window == 1);
    CHECK(weir::warm_up(plan, 1, lost, lost + 2s).admits());
    CHECK(weir::warm_up(plan, 0, lost, lost + 1s).admits());
    CHECK(weir::warm_up(weir::window_plan{}, 1, lost, lost + 1s).admits());
}
