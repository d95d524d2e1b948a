// SPDX-License-Identifier: MIT
#include "weir/storage/store.hpp"

#include "support/catch.hpp"

TEST_CASE("store: a new entry has no request, and a free slot is always free") {
    const weir::entry e;
    CHECK(e.cost == 0);
    CHECK(e.state == weir::entry_state::free);
    CHECK_FALSE(e.in_flight);
    CHECK(weir::detail::free_inflight::take());
    const weir::key_snapshot r;
    CHECK(r.windows.empty());
    CHECK(r.factor.is_one());
}
