// SPDX-License-Identifier: MIT
#include "weir/config/cli/composite.hpp"

#include "support/catch.hpp"
#include "support/written.hpp"

namespace {
weir::layer read(std::string_view text) {
    weir::layer out;
    weir::add_composite(out, "x.org", "metadata", weir::host_spelling::exact, text,
                        weir::source_location{"--rate-host-override"});
    return out;
}
}  // namespace

TEST_CASE("a composite value is a list of leaves", "[config]") {
    const auto l = read("rates:50/SECOND+10000/HOUR, Max_Delay_MS : 250");
    REQUIRE(l.faults.empty());
    CHECK(weir_test::values_of(l) == std::vector<std::string>{"hosts.x.org.metadata.rates = 50/SECOND+10000/HOUR",
                                                              "hosts.x.org.metadata.max_delay_ms = 250"});
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
