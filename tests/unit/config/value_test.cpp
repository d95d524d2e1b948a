// SPDX-License-Identifier: MIT
#include "weir/config/value.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
namespace detail = weir::detail;

TEST_CASE("a number is the whole text and has one spelling", "[config]") {
    CHECK(detail::plain_number("0.05") == 0.05);
    CHECK(detail::plain_number("20") == 20.0);
    CHECK(detail::plain_whole("0") == 0);
    for (const char* text : {"", "+1", "-1", "1e3", "0x1", "01", "1.", ".5", "1.2.3", "nan", " 1"}) {
        INFO(text);
        CHECK_FALSE(detail::plain_number(text));
        CHECK_FALSE(detail::plain_whole(text));
    }
    CHECK_FALSE(detail::plain_whole("9223372036854775808"));
}

TEST_CASE("a span past the longest period is recognised and not wrapped", "[config]") {
    CHECK(detail::read_span("366d") == weir::rate::longest);
    CHECK(*detail::read_span("367d") > weir::rate::longest);
    CHECK(*detail::read_span("999999999999999999999999") > weir::rate::longest);
    CHECK_FALSE(detail::read_span("5 parsecs"));
    CHECK_FALSE(detail::read_span("s"));
}

TEST_CASE("every type can say what it allows", "[config]") {
    for (const auto& rule : weir::policy_rules)
        CHECK_FALSE(detail::allowed(rule).empty());
    for (const auto& rule : weir::process_rules)
        CHECK_FALSE(detail::allowed(rule).empty());
}
