// SPDX-License-Identifier: MIT
#include "weir/config/options.hpp"

#include "support/catch.hpp"

TEST_CASE("a process without a word about stores keeps its logs in memory", "[config]") {
    CHECK(weir::backend_options{}.kind == "memory");
    CHECK(weir::backend_options{}.dsn.empty());
}
