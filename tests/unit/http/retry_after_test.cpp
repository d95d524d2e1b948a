// SPDX-License-Identifier: MIT
#include "weir/http/retry_after.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono;
using weir::http::headers;
using weir::http::longest_retry_after;
using weir::http::may_retry_after;
using weir::http::retry_after;

namespace {
constexpr system_clock::time_point asked_at = sys_days{2026y / November / 20d} + 12h;
auto of(std::string_view value) { return retry_after(headers{{"Retry-After", std::string{value}}}, asked_at); }
}  // namespace

TEST_CASE("delta-seconds are seconds") {
    CHECK(of("0") == 0s);
    CHECK(of("120") == 120s);
    CHECK(of(" 007\t") == 7s);
    CHECK_FALSE(retry_after({}, asked_at));
}

TEST_CASE("delta-seconds have no sign, no fraction and no unit") {
    for (const std::string_view text :
         {"", "-1", "+1", "1.5", "1,5", "1e3", "0x10", "1s", "1 2", "120, 120", "٣", "one"}) {
        CAPTURE(text);
        CHECK_FALSE(of(text));
    }
}

TEST_CASE("an absurd Retry-After is cut to the longest") {
    CHECK(of("31622400") == longest_retry_after);
    CHECK(of("31622401") == longest_retry_after);
    CHECK(of("99999999999999999999999999999999999999") == longest_retry_after);
    CHECK(of("Fri, 31 Dec 9999 23:59:59 GMT") == longest_retry_after);
}

TEST_CASE("a date is measured against the response's own Date") {
    const headers skewed{{"Date", "Fri, 20 Nov 2026 10:00:00 GMT"}, {"Retry-After", "Fri, 20 Nov 2026 10:00:30 GMT"}};
    CHECK(retry_after(skewed, asked_at) == 30s);
}

TEST_CASE("a date is measured against the local clock when there is no valid Date") {
    for (const std::string_view form :
         {"Fri, 20 Nov 2026 12:01:00 GMT", "Friday, 20-Nov-26 12:01:00 GMT", "Fri Nov 20 12:01:00 2026"}) {
        CAPTURE(form);
        CHECK(of(form) == 60s);
        CHECK(retry_after({{"Date", "yesterday"}, {"Retry-After", std::string{form}}}, asked_at) == 60s);
        CHECK(retry_after({{"Date", "Fri, 20 Nov 2026 10:00:00 GMT"},
                           {"Date", "Fri, 20 Nov 2026 11:00:00 GMT"},
                           {"Retry-After", std::string{form}}},
                          asked_at) == 60s);
    }
    // A clock between two seconds never makes the wait shorter.
    CHECK(retry_after({{"Retry-After", "Fri, 20 Nov 2026 12:01:00 GMT"}}, asked_at + 900ms) == 60s);
}

TEST_CASE("a date in the past is no wait") {
    CHECK(of("Fri, 20 Nov 2026 11:59:59 GMT") == 0s);
    CHECK(of("Thu, 01 Jan 1970 00:00:00 GMT") == 0s);
    CHECK(of("Mon Jan  1 00:00:00 0000") == 0s);
}

TEST_CASE("a repeated Retry-After counts only if it agrees with itself") {
    CHECK(retry_after({{"Retry-After", "5"}, {"retry-after", "5"}}, asked_at) == 5s);
    CHECK(retry_after({{"Retry-After", "60"}, {"Retry-After", "Fri, 20 Nov 2026 12:01:00 GMT"}}, asked_at) == 60s);
    CHECK_FALSE(retry_after({{"Retry-After", "5"}, {"Retry-After", "6"}}, asked_at));
    CHECK_FALSE(retry_after({{"Retry-After", "5"}, {"Retry-After", "soon"}}, asked_at));
    CHECK_FALSE(retry_after({{"Retry-After", "soon"}, {"Retry-After", "5"}}, asked_at));
}

TEST_CASE("Retry-After is about the limit on redirects and refusals only") {
    for (const int status : {301, 302, 307, 403, 413, 429, 503})
        CHECK(may_retry_after(status));
    for (const int status : {200, 204, 206, 400, 404, 500, 502, 504})
        CHECK_FALSE(may_retry_after(status));
}
