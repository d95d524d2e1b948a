// SPDX-License-Identifier: MIT
#include "weir/http/cache/stored_response.hpp"

#include "support/catch.hpp"

TEST_CASE("parts of a representation are compared by all three numbers") {
    using weir::http::byte_range;
    CHECK(byte_range{1, 2, 3} == byte_range{1, 2, 3});
    CHECK_FALSE(byte_range{1, 2, 3} == byte_range{1, 2, 4});
    CHECK_FALSE(weir::http::stored_response{}.range);
}
