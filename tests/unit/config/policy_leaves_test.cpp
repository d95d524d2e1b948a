// SPDX-License-Identifier: MIT
#include "weir/config/policy_leaves.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weir::aimd_options;
using weir::policy;
using weir::policy_leaves;

namespace {
const std::vector<weir::rate> three{{3, 1s}};
}

TEST_CASE("a leaf that is set is kept and one that is not is inherited", "[config]") {
    auto mine = policy_leaves{}.set<&policy::max_delay>(5s);
    mine.inherit(
        policy_leaves{}.set<&policy::rates>(three).set<&policy::max_delay>(1s).set<&policy::max_concurrent>(4));
    CHECK(*mine.get<&policy::max_delay>() == 5s);
    CHECK(*mine.get<&policy::rates>() == three);
    CHECK(*mine.get<&policy::max_concurrent>() == 4);
    CHECK(mine.get<&policy::lease>() == nullptr);
}

TEST_CASE("rates replace an inherited unlimited", "[config]") {
    auto mine = policy_leaves{}.set<&policy::rates>(three);
    mine.inherit(policy_leaves{}.set<&policy::unlimited>(true));
    CHECK_FALSE(mine.whole().unlimited);
    CHECK(weir::faults_of(mine.whole()).empty());
}

TEST_CASE("unlimited replaces inherited rates and burst", "[config]") {
    auto mine = policy_leaves{}.set<&policy::unlimited>(true);
    mine.inherit(policy_leaves{}.set<&policy::rates>(three).set<&policy::burst>(1));
    CHECK(weir::faults_of(mine.whole()).empty());
}

TEST_CASE("a burst beside the unlimited it is inherited with is a contradiction, not lost", "[config]") {
    policy_leaves mine;
    mine.inherit(policy_leaves{}.set<&policy::unlimited>(true).set<&policy::burst>(1));
    CHECK(weir::faults_of(mine.whole()).size() == 1);
}

TEST_CASE("unlimited: false ignores an inherited unlimited and finds the rates", "[config]") {
    auto mine = policy_leaves{}.set<&policy::unlimited>(false);
    mine.inherit(policy_leaves{}.set<&policy::unlimited>(true));
    mine.inherit(policy_leaves{}.set<&policy::rates>(three));
    CHECK(mine.whole().rates.size() == 1);
    CHECK_FALSE(mine.whole().unlimited);
}

TEST_CASE("the leaves of a whole policy make the same policy again", "[config]") {
    policy p;
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
    p.abandon_grace = 2s;
    p.max_waiting = 100;
    p.refusal_statuses = {403, 429};
    p.reported_limits = weir::limit_trust::refusals;
    p.refusal_pause = 60s;
    p.aimd = {true, 1, 0.5, 2, 3, 0.25, 0.75};
    CHECK(policy_leaves::of(p).whole() == p);
    policy_leaves copied;
    copied.inherit(policy_leaves::of(p));
    CHECK(copied.whole() == p);
    p.rates.clear();
    p.unlimited = true;
    p.burst = 0;
    CHECK(policy_leaves::of(p).whole() == p);
}

TEST_CASE("the tuner's leaves are inherited one by one", "[config]") {
    auto mine = policy_leaves{}.set<&policy::aimd, &aimd_options::window_s>(5);
    mine.inherit(policy_leaves{}
                     .set<&policy::aimd, &aimd_options::window_s>(7)
                     .set<&policy::aimd, &aimd_options::min_multiplier>(0.5));
    CHECK(mine.whole().aimd.window_s == 5);
    CHECK(mine.whole().aimd.min_multiplier == 0.5);
    CHECK(mine.whole().aimd.max_multiplier == 1.0);
    CHECK_FALSE(mine.has<&policy::aimd, &aimd_options::enabled>());
    mine.inherit(policy_leaves::of(aimd_options{.enabled = true, .window_s = 9}));
    CHECK(mine.whole().aimd.enabled);
    CHECK(mine.whole().aimd.window_s == 5);
    CHECK_FALSE(mine.has<&policy::rates>());
}
