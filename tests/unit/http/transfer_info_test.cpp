// SPDX-License-Identifier: MIT
#include "weir/http/transfer_info.hpp"

#include "support/catch.hpp"

TEST_CASE("a transfer of which nothing is known never left") {
    const weir::http::transfer_info info;
    CHECK(info.version.empty());
    CHECK(info.attempts == 0);
    CHECK_FALSE(info.reused);
    CHECK(info.total == weir::duration::zero());
}
