// SPDX-License-Identifier: MIT
#include "weir/core/multiplier.hpp"

#include "support/catch.hpp"

#include <limits>

using weir::multiplier;

TEST_CASE("multiplier: it is kept in whole millionths, limited to (0, 1]") {
    CHECK(multiplier{}.is_one());
    CHECK(multiplier::of(0.8).millionths() == 800'000);
    CHECK(multiplier::of(0.7 * 0.7 * 0.7).millionths() == 343'000);
    CHECK(multiplier::of(1.5).is_one());
    CHECK(multiplier::of(std::numeric_limits<double>::infinity()).is_one());
    CHECK(multiplier::of(0).millionths() == 1);
    CHECK(multiplier::of(-3).millionths() == 1);
    CHECK(multiplier::of(std::numeric_limits<double>::quiet_NaN()).millionths() == 1);
    CHECK(multiplier::of(0.25).value() == 0.25);
    CHECK(multiplier::of(0.2) < multiplier::of(0.3));
}
