// SPDX-License-Identifier: MIT
#include "weir/core/rate.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST_CASE("rate: every good spelling is read") {
    struct good {
        std::string_view text;
        weir::rate is;
    };
    const good table[] = {
        {"10/SECOND", {10, 1s}},     {"10/second", {10, 1s}},
        {"10/s", {10, 1s}},          {"10/sec", {10, 1s}},
        {"5000/h", {5000, 1h}},      {"5000/Hour", {5000, 1h}},
        {"300/MINUTE", {300, 1min}}, {"300/5min", {300, 5min}},
        {"1/3SECOND", {1, 3s}},      {"1/3s", {1, 3s}},
        {"1/3 seconds", {1, 3s}},    {"1/500ms", {1, 500ms}},
        {"1000/DAY", {1000, 24h}},   {"7/week", {7, 168h}},
        {" 10 / 1 s ", {10, 1s}},    {"\t2/m", {2, 1min}},
        {"007/s", {7, 1s}},          {"1/366d", {1, 366 * 24h}},
        {"1/1ms", {1, 1ms}},         {"1000000000/s", {1'000'000'000, 1s}},
    };
    for (const auto& g : table) {
        INFO(g.text);
        const auto r = weir::parse_rate(g.text);
        REQUIRE(r);
        CHECK(*r == g.is);
        CHECK(weir::parse_rate(weir::to_string(*r)).value() == *r);
    }
}

TEST_CASE("rate: anything else is an error that names the text and what to write") {
    struct bad {
        std::string_view text;
        std::string_view says;
    };
    const bad table[] = {
        {"", "it is empty"},
        {"   ", "it is empty"},
        {"10", "it has no \"/\""},
        {"10/", "it has no unit"},
        {"/s", "is not a whole number"},
        {"10/fortnight", "unknown unit \"fortnight\""},
        {"10/secnd", "did you mean \"10/second\"?"},
        {"1/3secnd", "did you mean \"1/3second\"?"},
        {"10/s/s", "more than one \"/\""},
        {"0/SECOND", "it admits nothing"},
        {"-1/s", "a limit has no sign; write \"1/s\""},
        {"+1/s", "a limit has no sign"},
        {"1.5/s", "3/2SECOND"},
        {"1,5/s", "a whole number of requests"},
        {"1e3/s", "a whole number of requests"},
        {"1/0.5s", "500ms"},
        {"1/0s", "the period is zero"},
        {"1/-3s", "a period has no sign"},
        {"99999999999999999999/s", "the limit is too large"},
        {"1000000001/s", "the limit is too large; the most is 1000000000"},
        {"1/99999999999999999999s", "the period is too long"},
        {"1/367d", "the period is too long; the longest is 366d"},
        {"1/9223372036854775807w", "the period is too long"},
        {"ten/s", "\"ten\" is not a whole number"},
        {"0x10/s", "is not a whole number"},
        {"1/s;", "unknown unit"},
        {"1\0/s"sv, "\\x00"},
        {"1/s\0"sv, "\\x00"},
        {"1/\xc2\xb5s", "\\xc2\\xb5"},
    };
    for (const auto& b : table) {
        INFO(b.text);
        const auto r = weir::parse_rate(b.text);
        REQUIRE_FALSE(r);
        INFO(r.error().message);
        CHECK(r.error().code == weir::errc::bad_rate);
        CHECK(r.error().message.starts_with("rate \""));
        CHECK(r.error().message.find(b.says) != std::string::npos);
    }
}

TEST_CASE("rate: a very long text is an error of bounded length") {
    const std::string digits(100'000, '9');
    for (const std::string& text :
         {digits, digits + "/s", "1/" + digits + "s", "1/" + std::string(100'000, 'x'), std::string(100'000, '/')}) {
        const auto r = weir::parse_rate(text);
        REQUIRE_FALSE(r);
        CHECK(r.error().message.size() < 400);
    }
}

TEST_CASE("rate: text is written in the largest unit that fits") {
    CHECK(weir::to_string(weir::rate{10, 1s}) == "10/1s");
    CHECK(weir::to_string(weir::rate{300, 5min}) == "300/5min");
    CHECK(weir::to_string(weir::rate{1000, 24h}) == "1000/1d");
    CHECK(weir::to_string(weir::rate{1, 1500ms}) == "1/1500ms");
    CHECK(weir::to_string(weir::rate{7, 168h}) == "7/1w");
}

TEST_CASE("rate: one rate implies another if keeping it keeps the other") {
    const auto implied = [](weir::rate loose, weir::rate tight) { return weir::is_implied_by(loose, tight); };
    CHECK(implied({10, 1s}, {5, 1s}));
    CHECK(implied({10, 1s}, {10, 1s}));
    CHECK(implied({10, 1s}, {10, 1h}));
    CHECK(implied({36000, 1h}, {10, 1s}));
    CHECK(implied({3, 2500ms}, {1, 1s}));
    CHECK_FALSE(implied({2, 2500ms}, {1, 1s}));  // three seconds may touch it
    CHECK_FALSE(implied({35999, 1h}, {10, 1s}));
    CHECK_FALSE(implied({10, 1s}, {5000, 1h}));
    CHECK_FALSE(implied({5, 1s}, {10, 1s}));
    CHECK_FALSE(implied({weir::rate::max, weir::rate::longest}, {weir::rate::max, weir::rate::shortest}));
}

TEST_CASE("rate: a configuration's form is read back as it was") {
    const auto form = [](const char* text) { return weir::config_text(*weir::parse_rate(text)); };
    CHECK(form("20/s") == "20/SECOND");
    CHECK(form("1/3s") == "1/3SECOND");
    CHECK(form("300/300s") == "300/5MINUTE");
    CHECK(form("5/1500ms") == "5/1500MILLISECOND");
    CHECK(form("1/7d") == "1/WEEK");
    CHECK(form("1/366d") == "1/366DAY");
    for (const char* text : {"20/s", "1/3s", "300/300s", "5/1500ms", "1/7d", "1000000000/90min"})
        CHECK(*weir::parse_rate(form(text)) == *weir::parse_rate(text));
}
