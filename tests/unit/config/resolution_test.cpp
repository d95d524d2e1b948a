// SPDX-License-Identifier: MIT
#include "weir/config/resolution.hpp"

#include "support/catch.hpp"

TEST_CASE("a resolution has a configuration, or its faults, one line each", "[config]") {
    const weir::resolution right{weir::configuration{}, {}};
    REQUIRE(right);
    CHECK(*right == weir::configuration{});
    CHECK(right->roles().size() == 3);
    CHECK(right.fault_text().empty());

    const weir::resolution wrong{
        std::nullopt,
        {{weir::source_location{"f.yaml"}.at(2, 3), "hosts.x", "no"}, {weir::source_location{"--rate"}, "", "never"}}};
    CHECK_FALSE(wrong);
    CHECK(wrong.faults().size() == 2);
    CHECK(wrong.fault_text() == "f.yaml:2:3: hosts.x: no\n--rate: never\n");
}
