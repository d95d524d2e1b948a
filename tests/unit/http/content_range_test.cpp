// SPDX-License-Identifier: MIT
#include "weir/http/content_range.hpp"

#include "support/catch.hpp"

using weir::http::parse_content_range;

TEST_CASE("content range: a part, with or without the whole") {
    const auto known = parse_content_range(" bytes 100-199/1000");
    REQUIRE(known.has_value());
    CHECK(known->first == 100);
    CHECK(known->last == 199);
    CHECK(known->total == 1000);
    const auto open = parse_content_range("Bytes 0-0/*");
    REQUIRE(open.has_value());
    CHECK_FALSE(open->total.has_value());
}

TEST_CASE("content range: what is none") {
    for (const char* text : {"", "bytes", "bytes ", "bytes */1000", "bytes 5-4/10", "bytes 0-10/10", "bytes 0-9/",
                             "bytes 0-9", "bytes -9/10", "bytes 0-/10", "items 0-9/10", "bytes 0-9/x", "bytes 0x0-9/10",
                             "bytes 0-99999999999999999999/*", "bytes +0-9/10"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_content_range(text).has_value());
    }
}
