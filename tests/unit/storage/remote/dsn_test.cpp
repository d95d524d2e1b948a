// SPDX-License-Identifier: MIT
#include "weir/storage/remote/dsn.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

using weir::remote::percent_decoded;

TEST_CASE("dsn: two hexadecimal digits after a percent sign are a byte, and everything else is unchanged") {
    CHECK(percent_decoded("") == "");
    CHECK(percent_decoded("a+b c") == "a+b c");
    CHECK(percent_decoded("%41%62%7f") == "Ab\x7f");
    CHECK(percent_decoded("%2525") == "%25");
    CHECK(percent_decoded("%00").value() == std::string(1, '\0'));
    CHECK(percent_decoded("%fF") == "\xff");
}

TEST_CASE("dsn: a percent sign without two hexadecimal digits is a fault") {
    for (const std::string_view text : {"%", "a%", "%4", "%4g", "%g4", "%%41", "%-1"})
        CHECK_FALSE(percent_decoded(text).has_value());
}
