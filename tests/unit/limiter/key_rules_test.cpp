// SPDX-License-Identifier: MIT
#include "weir/limiter/key_rules.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

TEST_CASE("key_rules: the plan is that of the policy, the multiplier and what the server reported") {
    weir::policy p;
    p.rates = {{10, 1s}};
    const auto plain = weir::key_rules::make(p, {});
    CHECK(plain->policy == p);
    CHECK(plain->reported == nullptr);
    REQUIRE(plain->plan.windows.size() == 1);
    CHECK(plain->plan.windows[0].limit == 10);

    const auto reported = std::make_shared<const weir::server_rates>(weir::server_rates{{{100, 1h}}, 3});
    const auto scaled = weir::key_rules::make(p, weir::multiplier::of(0.5), reported);
    CHECK(scaled->policy == p);
    CHECK(scaled->reported == reported);
    REQUIRE(scaled->plan.windows.size() == 2);
    CHECK(scaled->plan.windows[0].limit == 5);
    CHECK(scaled->plan.windows[1].limit == 100);  // the server's own limit is not scaled
    CHECK(scaled->plan.max_concurrent == 3);
}
