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

TEST_CASE("a fraction of a second is rounded up to milliseconds, never down") {
    CHECK(of("0.493") == 493ms);
    CHECK(of("292.052427053") == 292053ms);
    CHECK(of("30.5") == 30500ms);
    CHECK(of("2.0") == 2s);
    CHECK(of("0.0000001") == 1ms);
}

TEST_CASE("a span may have its units") {
    CHECK(of("6m0s") == 6min);
    CHECK(of("120s") == 120s);
    CHECK(of("120 seconds") == 120s);
    CHECK(of("1h30m") == 90min);
    CHECK(of("1.5min") == 90s);
    CHECK(of("76ms") == 76ms);
    CHECK(of("76.25ms") == 77ms);
    CHECK(of("1m2.5s") == 62500ms);
    CHECK(of("350us") == 1ms);
    CHECK(of("1500\xC2\xB5s") == 2ms);
    CHECK(of("1ns") == 1ms);
    CHECK(of("2 days 1 hour") == 49h);
    CHECK(of("60weeks") == longest_retry_after);
    CHECK(of("52w53w") == longest_retry_after);
}

TEST_CASE("what is neither a number, a span nor a date is no time") {
    for (const std::string_view text : {"",
                                        "-1",
                                        "+1",
                                        "1e3",
                                        "0x10",
                                        "1 2",
                                        "٣",
                                        "one",
                                        "null",
                                        "None",
                                        "1.5.2",
                                        "1.",
                                        "1 fortnight",
                                        "s",
                                        "1s2",
                                        "Fri, 20 Nov",
                                        "Fri,",
                                        ",",
                                        "2026-11-20",
                                        "2026-11-20T24:00:00Z",
                                        "2026-11-20T12:00:30+1",
                                        "20:1"}) {
        CAPTURE(text);
        CHECK_FALSE(of(text));
    }
}

TEST_CASE("an absurd Retry-After is cut to the longest") {
    CHECK(of("31622400") == longest_retry_after);
    CHECK(of("31622401") == longest_retry_after);
    CHECK(of("Fri, 31 Dec 9999 23:59:59 GMT") == longest_retry_after);
}

TEST_CASE("a number above 10^9 is a point in time, and no time if that is more than a year away") {
    CHECK(of("1795176007") == 7s);
    CHECK(of("1795176300") == 300s);
    CHECK(of("1795176300.25") == 300250ms);
    CHECK(of("1795176300000") == 300s);
    CHECK(of("1795176300000.5") == 300001ms);
    CHECK(of("1771404540") == 0s);
    CHECK(retry_after({{"Date", "Fri, 20 Nov 2026 10:00:00 GMT"}, {"Retry-After", "1795168830"}}, asked_at) == 30s);
    for (const std::string_view text : {"2147483647", "4294967295", "999999999999", "9999999999999",
                                        "9223372036854775807", "99999999999999999999999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(of(text));
    }
}

TEST_CASE("of several values the longest counts, and those that cannot be read are skipped") {
    CHECK(of("2814, 2") == 2814s);
    CHECK(of("2, 2814") == 2814s);
    CHECK(of("120, 120") == 120s);
    CHECK(of("1,5") == 5s);
    CHECK(of("5, soon") == 5s);
    CHECK(of("5, Fri, 20 Nov 2026 12:01:00 GMT, 7") == 60s);
    CHECK(of("Friday, 20-Nov-26 12:01:00 GMT, Fri, 20 Nov 2026 12:02:00 GMT") == 120s);
    CHECK(of("30;comment=\"x\"") == 30s);
}

TEST_CASE("the relatives of Retry-After are read, and the longest counts") {
    const auto one = [](const char* name, const char* value) { return retry_after({{name, value}}, asked_at); };
    CHECK(one("retry-after-ms", "4500") == 4500ms);
    CHECK(one("retry-after-ms", "4500.5") == 4501ms);
    CHECK(one("x-ms-retry-after-ms", "9000") == 9s);
    CHECK(one("X-Retry-After", "30") == 30s);
    CHECK(one("X-RateLimit-Retry-After", "1795176042") == 42s);
    CHECK(one("X-RateLimit-Retry-After", "2026-11-20T12:01:00+0000") == 60s);
    CHECK(one("X-Rate-Limit-Retry-After-Seconds", "30") == 30s);
    CHECK(retry_after({{"Retry-After", "5"}, {"retry-after-ms", "4500"}}, asked_at) == 5s);
    CHECK(retry_after({{"Retry-After", "0"}, {"x-ms-retry-after-ms", "1200"}}, asked_at) == 1200ms);
}

TEST_CASE("a date may be of ISO 8601, and have another zone") {
    for (const std::string_view form :
         {"2026-11-20T12:05:00Z", "2026-11-20 12:05:00Z", "2026-11-20T12:05Z", "2026-11-20T12:05",
          "2026-11-20 12:05:00", "2026-11-20T12:05:00", "2026-11-20T13:05:00+01:00", "2026-11-20T13:05:00+0100",
          "2026-11-20T13:05+01", "2026-11-20T12:04:59.001Z", "2026-11-20 12:05:00 UTC", "2026-11-20T04:05:00.000-08:00",
          "Fri, 20 Nov 2026 12:05:00 UTC", "Fri, 20 Nov 2026 12:05:00 +0000", "Fri, 20 Nov 2026 13:05:00 +01:00",
          "Friday, 20-Nov-26 12:05:00 UTC"}) {
        CAPTURE(form);
        CHECK(of(form) == 300s);
    }
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

TEST_CASE("of a repeated Retry-After the longest counts") {
    CHECK(retry_after({{"Retry-After", "5"}, {"retry-after", "5"}}, asked_at) == 5s);
    CHECK(retry_after({{"Retry-After", "60"}, {"Retry-After", "Fri, 20 Nov 2026 12:01:00 GMT"}}, asked_at) == 60s);
    CHECK(retry_after({{"Retry-After", "5"}, {"Retry-After", "6"}}, asked_at) == 6s);
    CHECK(retry_after({{"Retry-After", "soon"}, {"Retry-After", "5"}}, asked_at) == 5s);
}

TEST_CASE("Retry-After is about the limit on redirects and on every 4xx and 5xx") {
    for (const int status : {301, 302, 307, 400, 401, 403, 413, 418, 420, 429, 500, 502, 503, 504, 520, 529, 999})
        CHECK(may_retry_after(status));
    for (const int status : {100, 103, 200, 202, 204, 206})
        CHECK_FALSE(may_retry_after(status));
}
