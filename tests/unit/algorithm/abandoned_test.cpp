// SPDX-License-Identifier: MIT
#include "weir/algorithm/abandoned.hpp"

#include "support/catch.hpp"
#include "support/failing_heap.hpp"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("abandoned_requests: they are taken in the order of their ends, and not before") {
    weir::abandoned_requests all;
    CHECK(all.first_end() == weir::far_future);
    CHECK(all.last_end() == weir::long_ago);
    CHECK(all.empty());
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

TEST_CASE("abandoned_requests: one needs no memory; without memory more join it, and count until the later end") {
    WEIR_NEEDS_FAILING_HEAP();
    weir::abandoned_requests all;
    CHECK_FALSE(weir_test::fails_after(0, [&] { all.add(instant{3s}, 2); }));
    CHECK(all.items().size() == 1);
    CHECK_FALSE(weir_test::fails_after(0, [&] { all.add(instant{5s}, 1); }));
    CHECK_FALSE(weir_test::fails_after(0, [&] { all.add(instant{4s}, 1); }));
    CHECK(all.items().size() < 3);
    CHECK(all.units() == 4);
    CHECK(all.last_end() == instant{5s});
}

TEST_CASE("abandoned_requests: a moved one is empty") {
    weir::abandoned_requests from;
    from.add(instant{1s}, 1);
    from.add(instant{2s}, 1);
    const weir::abandoned_requests to = std::move(from);
    CHECK(to.items().size() == 2);
    CHECK(from.empty());  // NOLINT: that is the question
    CHECK(from.items().empty());
}
