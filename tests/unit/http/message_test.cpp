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
