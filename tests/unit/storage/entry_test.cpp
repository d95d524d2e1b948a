// SPDX-License-Identifier: MIT
#include "weir/storage/entry.hpp"

#include "support/catch.hpp"

TEST_CASE("entry: a default one has no request") {
    const weir::entry e;
    CHECK(e.state == weir::entry_state::free);
    CHECK(e.cost == 0);
    CHECK_FALSE(e.in_flight);
    CHECK(e.id == 0);
    CHECK(e.grace == weir::duration::zero());
}
