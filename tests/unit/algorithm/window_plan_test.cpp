// SPDX-License-Identifier: MIT
#include "weir/algorithm/window_plan.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

namespace {
weir::policy with(std::vector<weir::rate> rates) {
    weir::policy p;
    p.rates = std::move(rates);
    return p;
}
}  // namespace

TEST_CASE("window_plan: windows are in the order of the rates, with the margin added") {
    weir::policy p = with({{10, 1s}, {5, 1h}});
    p.margin = 50ms;
    const auto plan = weir::plan_windows(p);
    REQUIRE(plan.windows.size() == 2);
    CHECK(plan.windows[0].limit == 10);
    CHECK(plan.windows[0].period == 1050ms);
    CHECK(plan.windows[1].limit == 5);
    CHECK(plan.kept.longest == 1h + 50ms);
    CHECK(plan.shown == p.rates);
}

TEST_CASE("window_plan: burst is one more window of the densest rate, unless the rate is as strict") {
    weir::policy p = with({{4, 5s}, {10, 1s}, {7200, 1h}});
    p.burst = 1;
    const auto plan = weir::plan_windows(p);
    REQUIRE(plan.windows.size() == 4);
    CHECK(plan.windows[3].limit == 1);
    CHECK(plan.windows[3].period == 100ms);
    CHECK(plan.shown[3] == weir::rate{10, 1s});
    p.rates = {{1, 3s}};
    CHECK(weir::plan_windows(p).windows.size() == 1);
    p.rates = {{3, 1s}};
    CHECK(weir::plan_windows(p).windows[1].period == 333333334ns);  // rounded against the caller
}

TEST_CASE("window_plan: a cut never makes a limit zero, it makes the period longer") {
    const auto one = weir::plan_windows(with({{1, 1s}}), weir::multiplier::of(0.000001));
    CHECK(one.windows[0].limit == 1);
    CHECK(one.windows[0].period == 1'000'000s);
    const auto two = weir::plan_windows(with({{2, 1s}}), weir::multiplier::of(0.8));
    CHECK(two.windows[0].limit == 2);
    CHECK(two.windows[0].period == 1250ms);
    const auto three = weir::plan_windows(with({{100, 1h}}), weir::multiplier::of(0.8 * 0.8 * 0.8));
    CHECK(three.windows[0].limit == 52);
    CHECK(three.windows[0].period == 3'656'250ms);
}

TEST_CASE("window_plan: the greatest cost is the smallest configured limit, for any burst, factor and reported limit") {
    weir::policy p = with({{10, 1s}, {5, 1h}});
    p.burst = 1;
    const weir::server_rates reported{{{2, 1s}}};
    CHECK(weir::plan_windows(p, weir::multiplier::of(0.1), &reported).max_cost == 5);
    CHECK(weir::plan_windows(with({})).max_cost == INT64_MAX);
}

TEST_CASE("window_plan: the largest numbers do not overflow") {
    const auto plan =
        weir::plan_windows(with({{weir::rate::max, weir::rate::longest}}), weir::multiplier::of(0.000001));
    CHECK(plan.windows[0].limit == 1000);
    CHECK(plan.windows[0].period == weir::rate::longest);
    const auto slow = weir::plan_windows(with({{1, weir::rate::longest}}), weir::multiplier::of(0.000001));
    CHECK(slow.windows[0].limit == 1);
    CHECK(slow.windows[0].period > 30 * weir::rate::longest);
    CHECK(slow.windows[0].period < weir::far_future - weir::instant{});
}

TEST_CASE("window_plan: memory follows the limit up to 65,536 units and no further") {
    CHECK(weir::plan_windows(with({{65'536, 1s}})).kept.exact == 65'536);
    CHECK(weir::plan_windows(with({{65'536, 1s}})).kept.coarse.empty());
    const auto coarse = weir::plan_windows(with({{1'000'000, 102'400s}, {65'537, 1024s}})).kept;
    CHECK(coarse.exact == 64);
    CHECK(coarse.coarse == std::vector<weir::duration>{1024s, 102'400s});
    CHECK(coarse.cell_width(0s) == 1s);
    CHECK(coarse.cell_width(1023s) == 1s);
    CHECK(coarse.cell_width(1024s) == 100s);  // only the longer window looks there
    CHECK(coarse.cell_width(200'000s) == 50'000s);
    CHECK(weir::plan_windows(with({{1, 366 * 24h}})).kept.keep == 366 * 24h);
}
