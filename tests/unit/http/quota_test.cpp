// SPDX-License-Identifier: MIT
#include "weir/http/quota.hpp"

#include "support/catch.hpp"

TEST_CASE("quota: a number that a response does not state is absent") {
    const weir::http::quota q;
    CHECK(q.reported == weir::reported_limit{});
    CHECK(q.reported.unit == weir::limit_unit::requests);
    CHECK_FALSE(q.reported.limit);
    CHECK_FALSE(q.reported.window);
    CHECK_FALSE(q.reported.remaining);
    CHECK_FALSE(q.reported.reset);
    CHECK_FALSE(q.partition);
}
