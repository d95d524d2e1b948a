// SPDX-License-Identifier: MIT
#include "weir/core/aimd.hpp"

#include "support/catch.hpp"

TEST_CASE("the tuner's defaults have no fault", "[core]") {
    CHECK(weir::faults_of(weir::aimd_options{}).empty());
    CHECK_FALSE(weir::aimd_options{}.enabled);
}

TEST_CASE("every tuner option outside its range is named, all at once", "[core]") {
    const weir::aimd_options bad{.enabled = true,
                                 .window_s = 0,
                                 .high_429_ratio = 1.5,
                                 .increase_step_pct = -1,
                                 .decrease_step_pct = 100,
                                 .min_multiplier = 0,
                                 .max_multiplier = 2};
    const auto faults = weir::faults_of(bad);
    REQUIRE(faults.size() == 6);
    CHECK(faults[0].find("aimd.window_s") == 0);
    CHECK(faults[5].find("aimd.max_multiplier") == 0);
}

TEST_CASE("a minimum above its maximum is a fault", "[core]") {
    weir::aimd_options bad;
    bad.min_multiplier = 0.9;
    bad.max_multiplier = 0.5;
    CHECK(weir::faults_of(bad).size() == 1);
}
