// SPDX-License-Identifier: MIT
#include "weir/config/policy_leaves.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weir::policy_leaves;

TEST_CASE("a leaf that is set is kept and one that is not is inherited", "[config]") {
    policy_leaves mine{.max_delay = 5s};
    mine.inherit({.rates = std::vector<weir::rate>{{3, 1s}}, .max_delay = 1s, .max_concurrent = 4});
    CHECK(mine.max_delay == 5s);
    CHECK(mine.rates->front() == weir::rate{3, 1s});
    CHECK(mine.max_concurrent == 4);
}

TEST_CASE("rates keep an inherited unlimited away", "[config]") {
    policy_leaves mine{.rates = std::vector<weir::rate>{{3, 1s}}};
    mine.inherit({.unlimited = true});
    CHECK_FALSE(mine.whole().unlimited);
    CHECK(weir::faults_of(mine.whole()).empty());
}

TEST_CASE("unlimited keeps inherited rates and burst away", "[config]") {
    policy_leaves mine{.unlimited = true};
    mine.inherit({.rates = std::vector<weir::rate>{{3, 1s}}, .burst = 1});
    CHECK(weir::faults_of(mine.whole()).empty());
}

TEST_CASE("a burst beside the unlimited it is inherited with is a contradiction, not lost", "[config]") {
    policy_leaves mine;
    mine.inherit({.unlimited = true, .burst = 1});
    CHECK(weir::faults_of(mine.whole()).size() == 1);
}

TEST_CASE("unlimited: false looks past an inherited unlimited for rates", "[config]") {
    policy_leaves mine{.unlimited = false};
    mine.inherit({.unlimited = true});
    mine.inherit({.rates = std::vector<weir::rate>{{3, 1s}}});
    CHECK(mine.whole().rates.size() == 1);
    CHECK_FALSE(mine.whole().unlimited);
}

TEST_CASE("the leaves of a whole policy make the same policy again", "[config]") {
    weir::policy p;
    p.rates = {{7, 2s}};
    p.max_concurrent = 3;
    p.burst = 1;
    p.count_from = weir::counting::admission;
    p.margin = 20ms;
    p.count_head = true;
    p.enforce = false;
    p.max_hold = 3s;
    p.gate_scope = weir::gate_reach::host;
    p.on_store_error = weir::store_failure::closed;
    p.local_share = 50;
    p.lease = 20;
    p.aimd = {true, 1, 0.5, 2, 3, 0.25, 0.75};
    CHECK(policy_leaves::of(p).whole() == p);
    p.rates.clear();
    p.unlimited = true;
    p.burst = 0;
    CHECK(policy_leaves::of(p).whole() == p);
}

TEST_CASE("the tuner's leaves are inherited one by one", "[config]") {
    policy_leaves mine;
    mine.aimd.window_s = 5;
    policy_leaves lower;
    lower.aimd.window_s = 7;
    lower.aimd.min_multiplier = 0.5;
    mine.inherit(lower);
    CHECK(mine.whole().aimd.window_s == 5);
    CHECK(mine.whole().aimd.min_multiplier == 0.5);
    CHECK(mine.whole().aimd.max_multiplier == 1.0);
    CHECK(mine.aimd.over({.enabled = true}).enabled);
    CHECK(mine.aimd.over({.window_s = 9}).window_s == 5);
}
