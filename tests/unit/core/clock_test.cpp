// SPDX-License-Identifier: MIT
#include "weir/core/clock.hpp"

#include "support/catch.hpp"

TEST_CASE("clock: the steady clock never goes back") {
    const weir::steady_clock clock;
    auto before = clock.now();
    for (int i = 0; i < 1000; ++i) {
        const auto now = clock.now();
        REQUIRE(now >= before);
        before = now;
    }
    CHECK(before > weir::long_ago);
    CHECK(before < weir::far_future);
}
