// SPDX-License-Identifier: MIT
#include "weir/config/composite.hpp"

#include "support/catch.hpp"

namespace {
weir::layer read(std::string_view text) {
    weir::layer out;
    weir::add_composite(out, "x.org", "metadata", weir::host_spelling::exact, text,
                        weir::place{"--rate-host-override"});
    return out;
}
}  // namespace

TEST_CASE("a composite value is a list of leaves", "[config]") {
    const auto l = read("rates:50/SECOND+10000/HOUR, Max_Delay_MS : 250");
    REQUIRE(l.faults.empty());
    REQUIRE(l.leaves.size() == 2);
    CHECK(l.leaves[0].path == std::vector<std::string>{"hosts", "x.org", "metadata", "rates"});
    CHECK(l.leaves[0].items[0].text == "50/SECOND+10000/HOUR");
    CHECK(l.leaves[1].path[3] == "max_delay_ms");
    CHECK(l.leaves[1].items[0].text == "250");
}

TEST_CASE("a rate after a comma is not dropped but a fault that shows the plus", "[config]") {
    const auto l = read("rates:50/SECOND,10000/HOUR");
    REQUIRE(l.faults.size() == 1);
    CHECK(l.faults[0].message.find("did you mean \"+10000/HOUR\"") != std::string::npos);
}

TEST_CASE("an empty composite, an empty piece, a missing name and a double name are faults", "[config]") {
    for (const char* text : {"", " ", "rates:1/s,", ",rates:1/s", ":5", "burst:1,burst:2", "250"}) {
        INFO(text);
        CHECK(read(text).faults.size() == 1);
    }
}
