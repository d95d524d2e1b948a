// SPDX-License-Identifier: MIT
#include "weir/ext/curl/options.hpp"

#include "support/catch.hpp"

TEST_CASE("the options of a transport have a user agent and limit every wait") {
    const weir::curl::options o;
    CHECK(o.user_agent.starts_with("weir/"));
    CHECK(o.connect_timeout.count() > 0);
    CHECK(o.stall_timeout.count() > 0);
    CHECK_FALSE(o.proxy);
    CHECK_FALSE(o.gzip);
}
