// SPDX-License-Identifier: MIT
#include "weir/http/message.hpp"

#include "support/catch.hpp"

TEST_CASE("a request is GET, metadata and cost 1 by default") {
    const weir::http::request r{.url = "https://example.org/"};
    CHECK(r.method == "GET");
    CHECK(r.role == "metadata");
    CHECK(r.cost == 1);
    CHECK_FALSE(r.max_delay);
    CHECK_FALSE(r.timeout);
    CHECK_FALSE(r.resume_from);
    CHECK_FALSE(r.stop.stop_possible());
}

TEST_CASE("what may be sent twice is idempotent, or has a key by which the server knows it again") {
    using weir::http::may_repeat;
    for (const char* method : {"GET", "HEAD", "head", "OPTIONS", "PUT", "DELETE", "PROPFIND", "QUERY"})
        CHECK(may_repeat({.method = method}));
    for (const char* method : {"POST", "PATCH", "MKCOL", "GETS", "", "X"})
        CHECK_FALSE(may_repeat({.method = method}));
    CHECK(may_repeat({.method = "POST", .headers = {{"idempotency-key", "1"}}}));
}
