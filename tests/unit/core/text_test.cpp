// SPDX-License-Identifier: MIT
#include "weir/core/text.hpp"

#include "support/catch.hpp"

#include <string>

TEST_CASE("text: letters outside ASCII have no case, and only blanks and tabs are trimmed") {
    using namespace weir::detail;
    CHECK(lower("A\xc3\x84Z") == "a\xc3\x84z");
    CHECK(same_ignoring_case("Retry-After", "retry-aFTER"));
    CHECK_FALSE(same_ignoring_case("a", "ab"));
    CHECK(trim(" \ta b\t ") == "a b");
    CHECK(trim("\na") == "\na");
    CHECK(trim(" ").empty());
}

TEST_CASE("text: text in a message neither ends the line nor sends commands to the terminal") {
    using namespace weir::detail;
    CHECK(in_quotes("a\"\\\n") == R"("a\"\\\x0a")");
    CHECK(in_quotes(std::string(61, 'x')) == '"' + std::string(60, 'x') + "...\"");
    CHECK(printable("a\x1b[m\xc3\xa4\xff") == "a\\x1b[m\xc3\xa4\\xff");
    CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
}
