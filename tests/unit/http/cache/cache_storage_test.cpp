// SPDX-License-Identifier: MIT
#include "weir/http/cache/cache_storage.hpp"

#include "support/catch.hpp"

#include "weir/http/cache/memory_storage.hpp"

using namespace weir::http;

static_assert(cache_storage<memory_storage>);
static_assert(!cache_storage<int>);

TEST_CASE("a variant is replaced by one with equal selecting fields and the same part") {
    const stored_response whole{.selecting = {{"accept", "x"}}};
    const stored_response part{.range = byte_range{0, 1, 2}, .selecting = {{"accept", "x"}}};
    CHECK(same_variant(whole, whole));
    CHECK_FALSE(same_variant(whole, part));
    CHECK_FALSE(same_variant(whole, stored_response{}));
    CHECK(stored_bytes({.headers = {{"A", "1234"}}, .body = "12345"}) >= sizeof(stored_response) + 10);
}
