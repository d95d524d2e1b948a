// SPDX-License-Identifier: MIT
#include "weir/http/date.hpp"

#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <string_view>

using namespace std::chrono;
using weir::http::parse_http_date;
using weir::http::to_http_date;

namespace {

constexpr sys_seconds example = sys_days{1994y / November / 6d} + 8h + 49min + 37s;
constexpr system_clock::time_point today = sys_days{2026y / November / 20d} + 12h;

/// The three forms as the C library writes them.
std::array<std::string, 3> written(std::time_t at) {
    std::tm parts{};
    gmtime_r(&at, &parts);
    std::array<std::string, 3> out;
    std::size_t i = 0;
    for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
        std::array<char, 64> text{};
        out[i++].assign(text.data(), std::strftime(text.data(), text.size(), form, &parts));
    }
    return out;
}

}  // namespace

TEST_CASE("the three forms of RFC 9110 are one date") {
    STATIC_REQUIRE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", today) == example);
    STATIC_REQUIRE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", today) == example);
    STATIC_REQUIRE(parse_http_date("Sun Nov  6 08:49:37 1994", today) == example);
    STATIC_REQUIRE(parse_http_date("  Sun, 06 Nov 1994 08:49:37 GMT\t", today) == example);
    CHECK(to_http_date(example) == "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_CASE("a date agrees with the C library's over the whole calendar") {
    std::setlocale(LC_ALL, "C");
    const std::uint64_t seed = 20'261'120;
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    std::uniform_int_distribution<std::time_t> any{-2'208'988'800, 253'402'300'799};  // 1900 to 9999
    std::uniform_int_distribution<std::time_t> near{1'000'000'000, 3'300'000'000};    // 2001 to 2074: within 50 years
    std::uniform_int_distribution<int> shift{-1, 1};
    int wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::time_t at = i % 2 == 0 ? any(random) : near(random);
        if (i % 5 == 0)
            at = at / 86'400 * 86'400 + shift(random);  // midnights
        const sys_seconds expected{seconds{at}};
        const auto forms = written(at);
        std::tm parts{};
        gmtime_r(&at, &parts);
        wrong += timegm(&parts) != at;
        wrong += parse_http_date(forms[0], today) != expected;
        if (i % 2 == 1)
            wrong += parse_http_date(forms[1], today) != expected;
        wrong += parse_http_date(forms[2], today) != expected;
        wrong += to_http_date(expected) != forms[0];
    }
    CHECK(wrong == 0);
}

TEST_CASE("every day from 1970 to 2100 is a date and no other is") {
    int wrong = 0;
    for (int y = 1970; y <= 2100; ++y) {
        for (unsigned m = 1; m <= 12; ++m) {
            for (unsigned d = 0; d <= 32; ++d) {
                std::array<char, 64> text{};
                std::snprintf(text.data(), text.size(), "Mon, %02u %s %04d 00:00:00 GMT", d,
                              std::string{weir::http::detail::months[m - 1]}.c_str(), y);
                const year_month_day date{year{y}, month{m}, day{d}};
                const auto got = parse_http_date(text.data(), today);
                wrong += date.ok() ? got != sys_seconds{sys_days{date}} : got.has_value();
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a two-digit year is the nearest that is at most 50 years ahead") {
    const auto of = [](std::string_view text) { return parse_http_date(text, today); };
    CHECK(of("Friday, 20-Nov-76 12:00:00 GMT") == sys_days{2076y / November / 20d} + 12h);
    CHECK(of("Friday, 20-Nov-76 12:00:01 GMT") == sys_days{1976y / November / 20d} + 12h + 1s);
    CHECK(of("Friday, 01-Jan-00 00:00:00 GMT") == sys_seconds{sys_days{2000y / January / 1d}});
    CHECK(of("Friday, 31-Dec-99 23:59:59 GMT") == sys_days{1999y / December / 31d} + 24h - 1s);
    const system_clock::time_point late = sys_days{2096y / February / 29d};
    CHECK(parse_http_date("Monday, 01-Jan-01 00:00:00 GMT", late) == sys_seconds{sys_days{2101y / January / 1d}});
    CHECK(parse_http_date("Monday, 29-Feb-00 00:00:00 GMT", late) == sys_seconds{sys_days{2000y / February / 29d}});
    CHECK_FALSE(of("Monday, 29-Feb-01 00:00:00 GMT"));
}

TEST_CASE("a text in none of the three forms is no date") {
    for (const std::string_view text : {"",
                                        " ",
                                        "0",
                                        "120",
                                        "Sun",
                                        "Sun,",
                                        "Sun, ",
                                        "Sun, 6 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:37",
                                        "Sun, 06 Nov 1994 08:49:37 UTC",
                                        "Sun, 06 Nov 1994 08:49:37 +0000",
                                        "Sun, 06 Nov 94 08:49:37 GMT",
                                        "Sun, 06 Nov 19940 08:49:37 GMT",
                                        "Sun, 06 Nov -994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 24:00:00 GMT",
                                        "Sun, 06 Nov 1994 08:60:00 GMT",
                                        "Sun, 06 Nov 1994 08:49:61 GMT",
                                        "Sun, 06 Nov 1994 8:49:37 GMT",
                                        "Sun, 06 Now 1994 08:49:37 GMT",
                                        "Abc, 06 Nov 1994 08:49:37 GMT",
                                        "Sunday, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06-Nov-94 08:49:37 GMT",
                                        "Sunday, 06-Nov-1994 08:49:37 GMT",
                                        "Sun Nov 6 08:49:37 1994",
                                        "Sun Nov 06 08:49:37 1994 GMT",
                                        "Sun Nov  0 08:49:37 1994",
                                        "1994-11-06T08:49:37Z",
                                        "Sun, 31 Feb 2025 00:00:00 GMT",
                                        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 00 Nov 1994 08:49:37 GMT"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_http_date(text, today));
    }
}

TEST_CASE("a leap second is the second after") {
    CHECK(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", today) == sys_seconds{sys_days{2017y / January / 1d}});
}
