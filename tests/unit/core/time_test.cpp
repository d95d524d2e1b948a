// SPDX-License-Identifier: MIT
#include "weir/core/time.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("time: the ends of the timeline leave room for a period") {
    CHECK(weir::long_ago + 366 * 24h < weir::instant{});
    CHECK(weir::far_future + 366 * 24h > weir::far_future);
}

TEST_CASE("time: saturating_add() ends at far_future") {
    CHECK(weir::saturating_add(weir::instant{1s}, 2s) == weir::instant{3s});
    CHECK(weir::saturating_add(weir::instant{1s}, weir::duration::max()) == weir::far_future);
    CHECK(weir::saturating_add(weir::far_future, 1ns) == weir::far_future);
    CHECK(weir::saturating_add(weir::instant{1s}, 0ns) == weir::instant{1s});
}

TEST_CASE("time: forever is longer than every other span and has room for an instant") {
    CHECK(weir::forever > 366 * 24h * 100);
    CHECK(weir::saturating_add(weir::instant{1s}, weir::forever) == weir::far_future);
    CHECK(weir::saturating_add(weir::instant{}, weir::forever) == weir::far_future);
}
