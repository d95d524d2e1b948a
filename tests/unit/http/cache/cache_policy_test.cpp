// SPDX-License-Identifier: MIT
#include "weir/http/cache/cache_policy.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

TEST_CASE("the methods that a cache answers are GET and HEAD without a body") {
    const stored_response stored{.status = 200, .headers = {{"Cache-Control", "max-age=60"}}};
    CHECK(evaluate({.url = "http://a/"}, &stored, wall_time{}).action == cache_action::use);
    CHECK(evaluate({.method = "head", .url = "http://a/"}, &stored, wall_time{}).action == cache_action::use);
    CHECK(evaluate({.method = "POST", .url = "http://a/"}, &stored, wall_time{}).action == cache_action::pass);
    CHECK(evaluate({.url = "http://a/", .body = "q"}, &stored, wall_time{}).action == cache_action::pass);
    CHECK(evaluate({.url = "http://a/"}, nullptr, wall_time{}).action == cache_action::fetch);
}

TEST_CASE("a heuristic lifetime is bounded") {
    const stored_response stored{.status = 200, .headers = {{"Last-Modified", "Mon, 30 Nov 1970 12:00:00 GMT"}}};
    const wall_time now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}};
    auto one = stored;
    one.requested = one.received = now;
    CHECK(evaluate({.url = "http://a/"}, &one, now + 23h).action == cache_action::use);
    CHECK(evaluate({.url = "http://a/"}, &one, now + 25h).action == cache_action::validate);
    CHECK(evaluate({.url = "http://a/"}, &one, now + 25h, {.max_heuristic = 48h}).action == cache_action::use);
}

TEST_CASE("the newest whole response that answers is chosen") {
    const auto stored = [](int seconds, std::optional<byte_range> range, headers selecting = {}) {
        return std::make_shared<const stored_response>(
            stored_response{.status = range ? 206 : 200,
                            .headers = {{"Vary", "Accept"}},
                            .range = range,
                            .selecting = std::move(selecting),
                            .received = wall_time{std::chrono::seconds{seconds}}});
    };
    const std::vector<shared_response> all{stored(1, {}), stored(3, {}), stored(2, {}), stored(9, byte_range{0, 4, 10}),
                                           stored(8, {}, {{"accept", "x/y"}})};
    CHECK(select_stored({.url = "http://a/"}, all) == all[1]);
    CHECK(select_stored({.url = "http://a/", .headers = {{"Range", "bytes=0-4"}}}, all) == all[1]);
    CHECK(select_stored({.url = "http://a/", .headers = {{"Accept", "x/y"}}}, all) == all[4]);
    CHECK(select_stored({.url = "http://a/", .headers = {{"Accept", "z"}}}, all) == nullptr);
    const std::vector<shared_response> part{all[3]};
    CHECK(select_stored({.url = "http://a/", .headers = {{"Range", "bytes=1-4"}}}, part) == all[3]);
    CHECK(select_stored({.url = "http://a/", .headers = {{"Range", "bytes=1-5"}}}, part) == nullptr);
    CHECK(select_stored({.url = "http://a/"}, part) == nullptr);
}

TEST_CASE("what is stored depends on method, status and fields") {
    const headers lasting{{"Cache-Control", "max-age=60"}};
    CHECK(may_store({.url = "http://a/"}, 200, {}));
    CHECK_FALSE(may_store({.method = "HEAD", .url = "http://a/"}, 200, lasting));
    CHECK_FALSE(may_store({.method = "POST", .url = "http://a/"}, 200, lasting));
    for (const int status : {103, 304, 428, 429, 431, 511})
        CHECK_FALSE(may_store({.url = "http://a/"}, status, lasting));
    CHECK_FALSE(may_store({.url = "http://a/"}, 403, {}));
    CHECK(may_store({.url = "http://a/"}, 403, lasting));
    CHECK_FALSE(may_store({.url = "http://a/"}, 206, lasting));
    CHECK(may_store({.url = "http://a/"}, 206, {{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-4/10"}}));
    CHECK_FALSE(
        may_store({.url = "http://a/"}, 206, {{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-4/*"}}));
    CHECK_FALSE(may_store({.url = "http://a/", .headers = {{"Cache-Control", "no-store"}}}, 200, lasting));
}

TEST_CASE("the request can forbid a stale response after an error") {
    const stored_response stored{.status = 200, .headers = {{"Cache-Control", "max-age=1"}}};
    const auto allowed = [&](headers asked, std::chrono::seconds staleness, std::chrono::seconds limit) {
        return may_use_after_error({.url = "http://a/", .headers = std::move(asked)}, stored, staleness, limit);
    };
    CHECK(allowed({}, 10s, 10s));
    CHECK_FALSE(allowed({}, 11s, 10s));
    CHECK_FALSE(allowed({{"Cache-Control", "no-cache"}}, 1s, 10s));
    CHECK_FALSE(allowed({{"Cache-Control", "max-age=5"}}, 1s, 10s));
    CHECK(allowed({{"Cache-Control", "stale-if-error=60"}}, 50s, 0s));
}
