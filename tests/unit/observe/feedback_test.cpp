// SPDX-License-Identifier: MIT
#include "weir/observe/feedback.hpp"

#include "support/catch.hpp"

TEST_CASE("feedback: the default one reports nothing") {
    const weir::feedback said;
    CHECK(said.status == 0);
    CHECK_FALSE(said.retry_after);
}
