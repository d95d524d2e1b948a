// SPDX-License-Identifier: MIT
#include "weir/limiter/acquire_options.hpp"

#include "support/catch.hpp"

TEST_CASE("acquire_options: the default one is a GET of one unit that waits as long as the policy says") {
    const weir::acquire_options a;
    CHECK(a.cost == 1);
    CHECK(a.method == "GET");
    CHECK_FALSE(a.max_delay);
    CHECK_FALSE(a.stop.stop_possible());
}

TEST_CASE("acquire_options: HEAD is HEAD in any case") {
    for (const char* text : {"HEAD", "head", "Head"})
        CHECK(weir::detail::is_head(text));
    for (const char* text : {"GET", "HEAD ", "HEA", ""})
        CHECK_FALSE(weir::detail::is_head(text));
}
