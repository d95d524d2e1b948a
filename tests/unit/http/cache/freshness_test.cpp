// SPDX-License-Identifier: MIT
#include "weir/http/cache/freshness.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

constexpr wall_time fresh_noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30} + 12h};

stored_response fresh_response(headers fields, int status = 200) {
    return {.status = status, .headers = std::move(fields), .requested = fresh_noon, .received = fresh_noon + 2s};
}

std::chrono::milliseconds life(headers fields, int status = 200) {
    const stored_response one = fresh_response(std::move(fields), status);
    return freshness_lifetime(one, parse_cache_control(one.headers), 0.1);
}

}  // namespace

TEST_CASE("the age of a response is the greatest that is known") {
    // The request took two seconds.
    CHECK(current_age(fresh_response({}), fresh_noon + 12s) == 12s);
    CHECK(current_age(fresh_response({{"Age", "5"}}), fresh_noon + 12s) == 17s);
    CHECK(current_age(fresh_response({{"Date", "Mon, 30 Nov 2026 11:59:00 GMT"}}), fresh_noon + 12s) == 72s);
    // A server whose clock is ahead does not make a response younger.
    CHECK(current_age(fresh_response({{"Date", "Mon, 30 Nov 2026 13:00:00 GMT"}}), fresh_noon + 12s) == 12s);
    // Nor does this machine's clock that was set back.
    CHECK(current_age(fresh_response({}), fresh_noon - 1h) == 2s);
}

TEST_CASE("the lifetime of a response is what it states, or a share of its time without a change") {
    CHECK(life({{"Cache-Control", "max-age=60"}, {"Expires", "0"}}) == 60s);
    CHECK(life({{"Expires", "Mon, 30 Nov 2026 12:01:00 GMT"}, {"Date", "Mon, 30 Nov 2026 12:00:00 GMT"}}) == 60s);
    CHECK(life({{"Expires", "Mon, 30 Nov 2026 12:01:02 GMT"}}) == 60s);  // without Date: by the time it was received
    CHECK(life({{"Expires", "soon"}}) == 0s);
    CHECK(life({{"Last-Modified", "Mon, 30 Nov 2026 11:59:00 GMT"}, {"Date", "Mon, 30 Nov 2026 12:00:00 GMT"}}) == 6s);
    CHECK(life({{"Last-Modified", "Mon, 30 Nov 2026 13:00:00 GMT"}}) == 0s);
    CHECK(life({{"Last-Modified", "Mon, 30 Nov 2026 11:59:00 GMT"}}, 302) == 0s);
    CHECK(life({{"Last-Modified", "Mon, 30 Nov 2026 11:59:00 GMT"}, {"Cache-Control", "public"}}, 302) > 0s);
    CHECK(life({}) == 0s);
}

TEST_CASE("the statuses without explicit freshness are those of RFC 9110") {
    for (const int status : {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
        CHECK(heuristically_cacheable(status));
    for (const int status : {201, 302, 303, 304, 307, 400, 403, 429, 500, 503})
        CHECK_FALSE(heuristically_cacheable(status));
}

TEST_CASE("an Age that is no number counts as none") {
    for (const auto* const text : {"", "x", "-1", "1.5", "5;a=b", "\"5\""})
        CHECK(stated_age({{"Age", text}}) == 0s);
    CHECK(stated_age({{"Age", "7, 9"}}) == 7s);
    CHECK(stated_age({{"Age", "7"}, {"Age", "9"}}) == 7s);
}
