// SPDX-License-Identifier: MIT
#include "weir/algorithm/abandoned.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("abandoned_requests: they are taken in the order of their ends, and not before") {
    weir::abandoned_requests all;
    CHECK(all.first_end() == weir::far_future);
    CHECK(all.last_end() == weir::long_ago);
    all.reserve(3);
    all.add(instant{5s}, 2);
    all.add(instant{3s}, 1);
    all.add(instant{7s}, 4);
    CHECK(all.first_end() == instant{3s});
    CHECK(all.last_end() == instant{7s});
    CHECK(all.units() == 7);
    std::vector<std::int64_t> taken;
    const auto take = [&](const weir::abandoned_requests::item& i) { taken.push_back(i.units); };
    all.take_until(instant{3s} - 1ns, take);
    CHECK(taken.empty());
    all.take_until(instant{5s}, take);
    CHECK(taken == std::vector<std::int64_t>{1, 2});
    CHECK(all.first_end() == instant{7s});
    all.take_until(instant{7s}, take);
    CHECK(taken.back() == 4);
    CHECK(all.units() == 0);
    CHECK(all.first_end() == weir::far_future);
}

TEST_CASE("abandoned_requests: reserving makes room in addition to the present ones") {
    weir::abandoned_requests all;
    CHECK(all.room() == 0);
    all.reserve(1);
    for (int i = 0; i < 100; ++i) {
        all.reserve(2);
        REQUIRE(all.room() >= 2);
        all.add(instant{1s}, 1);
    }
    CHECK(all.units() == 100);
}
