// SPDX-License-Identifier: MIT
#include "weir/storage/holder.hpp"

#include "support/catch.hpp"

TEST_CASE("holder_info: a holder is not alive, and not the store object itself, until a store says so") {
    const weir::holder_info made;
    CHECK_FALSE(made.alive);
    CHECK_FALSE(made.is_self);
    CHECK(made == weir::holder_info{});
}
