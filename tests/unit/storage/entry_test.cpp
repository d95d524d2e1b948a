// SPDX-License-Identifier: MIT
#include "weir/storage/entry.hpp"

#include "support/catch.hpp"

TEST_CASE("entry: one that was never admitted stands for nothing") {
    const weir::entry e;
    CHECK(e.state == weir::entry_state::free);
    CHECK(e.cost == 0);
    CHECK_FALSE(e.in_flight);
    CHECK(e.id == 0);
    CHECK(e.grace == weir::duration::zero());
}
