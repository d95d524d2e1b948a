// SPDX-License-Identifier: MIT
#include "weir/http/quota.hpp"

#include "support/catch.hpp"

using weir::http::quota_unit;

TEST_CASE("a quota unit is written as on the wire") {
    CHECK(to_string(quota_unit::requests) == "requests");
    CHECK(to_string(quota_unit::content_bytes) == "content-bytes");
    CHECK(to_string(quota_unit::concurrent_requests) == "concurrent-requests");
}

TEST_CASE("what a response did not tell is absent") {
    const weir::http::quota q;
    CHECK(q.unit == quota_unit::requests);
    CHECK_FALSE(q.limit);
    CHECK_FALSE(q.window);
    CHECK_FALSE(q.remaining);
    CHECK_FALSE(q.reset);
    CHECK_FALSE(q.partition);
}
