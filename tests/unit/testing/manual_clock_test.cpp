// SPDX-License-Identifier: MIT
#include "weir/testing/manual_clock.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("manual_clock: it stands still until moved, and copies share one time") {
    weir::testing::manual_clock clock{weir::instant{5s}};
    const weir::testing::manual_clock copy = clock;
    CHECK(copy.now() == weir::instant{5s});
    clock.advance(2s);
    CHECK(copy.now() == weir::instant{7s});
    clock.set(weir::instant{1s});
    CHECK(copy.now() == weir::instant{1s});
}
