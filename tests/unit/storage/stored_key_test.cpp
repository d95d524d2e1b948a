// SPDX-License-Identifier: MIT
#include "weir/storage/stored_key.hpp"

#include "support/catch.hpp"

TEST_CASE("stored_key: a store that knows only the name says so by empty fields") {
    const weir::stored_key key{"a.org", "metadata"};
    CHECK(key.host == "a.org");
    CHECK(key.role == "metadata");
    CHECK(key.windows.empty());
    CHECK(key.max_concurrent == 0);
    CHECK_FALSE(key.oldest_open.has_value());
}
