// SPDX-License-Identifier: MIT
#include "weir/core/policy.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("policy: without the store, a process has its share of every rate, and never more") {
    weir::policy p;
    p.rates = {{10, 1s}, {3, 1s}, {1, 3s}, {5000, 1h}};
    p.max_concurrent = 6;
    const auto alone = weir::local_policy(p);
    CHECK(alone.rates[0] == weir::rate{2, 1s});
    CHECK(alone.rates[1].limit == 1);  // three quarters of one unit in a second
    CHECK(alone.rates[1].period >= 4s / 3.0);
    CHECK(alone.rates[1].period < 4s / 3.0 + 10us);
    CHECK(alone.rates[2].limit == 1);
    CHECK(alone.rates[2].period >= 12s);
    CHECK(alone.rates[2].period < 12s + 10us);
    CHECK(alone.rates[3] == weir::rate{1250, 1h});
    CHECK(alone.max_concurrent == 1);
    p.local_share = 100;
    CHECK(weir::local_policy(p) == p);
    p.rates = {{weir::rate::max, weir::rate::longest}, {1, weir::rate::longest}};
    p.local_share = 1;
    CHECK(weir::local_policy(p).rates[0].limit == weir::rate::max / 100);
    CHECK(weir::local_policy(p).rates[1].period >= 100 * weir::rate::longest);
    p.on_store_error = weir::store_failure::open;
    CHECK(weir::local_policy(p).rates.empty());
    CHECK(weir::local_policy(p).unlimited);
    CHECK(weir::local_policy(p).max_concurrent == 0);
}

TEST_CASE("policy: by default it is enforced, holds wait for max_delay alone and are of the key, and a lost store is "
          "stood in for") {
    CHECK(weir::policy{}.enforce);
    CHECK(weir::policy{}.max_hold == weir::forever);
    CHECK(weir::policy{}.gate_scope == weir::gate_reach::key);
    CHECK(weir::policy{}.on_store_error == weir::store_failure::local);
    CHECK(weir::policy{}.local_share == 25);
    CHECK_FALSE(weir::policy{}.abandon_grace);
    CHECK(weir::policy{}.max_waiting == 0);
    CHECK_FALSE(weir::policy{}.aimd.enabled);
}
