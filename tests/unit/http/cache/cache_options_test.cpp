// SPDX-License-Identifier: MIT
#include "weir/http/cache/cache_options.hpp"

#include "support/catch.hpp"

TEST_CASE("a cache uses the time of day, and nothing stale, unless the options say otherwise") {
    const weir::http::cache_options defaults;
    CHECK(defaults.now() > weir::http::wall_time{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}});
    CHECK_FALSE(defaults.background);
    CHECK(defaults.rules.stale_if_error == std::chrono::seconds{0});
    CHECK(defaults.rules.stale_if_refused == std::chrono::seconds{0});
}
