// SPDX-License-Identifier: MIT
#include "weir/http/cache/cache_update.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

TEST_CASE("fields of one hop are not stored") {
    const headers kept = storable_fields({{"Connection", "close, X-Hop"},
                                          {"x-hop", "1"},
                                          {"Keep-Alive", "5"},
                                          {"Proxy-Authenticate", "Basic"},
                                          {"TE", "trailers"},
                                          {"Trailer", "X"},
                                          {"Upgrade", "h2c"},
                                          {"Set-Cookie", "a=b"},
                                          {"Content-Type", "x/y"}});
    CHECK(kept == headers{{"Set-Cookie", "a=b"}, {"Content-Type", "x/y"}});
}

TEST_CASE("a 304 is about a response by its validators") {
    const auto about = [](headers fields, headers stored) {
        return validates(fields, stored_response{.headers = std::move(stored)});
    };
    CHECK(about({{"ETag", "\"a\""}}, {{"ETag", "\"a\""}}));
    CHECK_FALSE(about({{"ETag", "\"a\""}}, {{"ETag", "\"b\""}}));
    CHECK_FALSE(about({{"ETag", "\"a\""}}, {{"ETag", "W/\"a\""}}));
    CHECK(about({{"ETag", "W/\"a\""}}, {{"ETag", "\"a\""}}));
    CHECK_FALSE(about({{"ETag", "\"a\""}}, {{"Last-Modified", "x"}}));
    CHECK(about({{"Last-Modified", "x"}}, {{"Last-Modified", "x"}}));
    CHECK_FALSE(about({{"Last-Modified", "x"}}, {{"Last-Modified", "y"}}));
    CHECK(about({}, {{"ETag", "\"a\""}}));
}

TEST_CASE("an update replaces fields line by line, but not those of the body") {
    const stored_response old{.status = 200,
                              .headers = {{"X", "1"}, {"X", "2"}, {"Age", "9"}, {"Content-Length", "4"}, {"Y", "1"}},
                              .body = "body"};
    const stored_response now =
        updated(old, {}, {{"X", "3"}, {"X", "4"}, {"Content-Length", "0"}, {"Connection", "Z"}, {"Z", "1"}},
                wall_time{1s}, wall_time{2s});
    CHECK(now.headers == headers{{"Content-Length", "4"}, {"Y", "1"}, {"X", "3"}, {"X", "4"}});
    CHECK(now.body == "body");
    CHECK(now.received == wall_time{2s});
}

TEST_CASE("an update with a new Vary selects by the request that brought it") {
    const stored_response now = updated({.status = 200}, {.url = "http://a/", .headers = {{"Accept", "x"}}},
                                        {{"Vary", "Accept"}}, wall_time{}, wall_time{});
    CHECK(now.selecting == headers{{"accept", "x"}});
}

TEST_CASE("a validation has the stored validators instead of the client's conditions") {
    const stored_response stored{.headers = {{"ETag", "\"a\""}, {"Last-Modified", "then"}}};
    const request asked{.url = "http://a/",
                        .headers = {{"If-None-Match", "\"x\""}, {"If-Modified-Since", "later"}, {"Accept", "y"}}};
    CHECK(conditional(asked, stored).headers ==
          headers{{"Accept", "y"}, {"If-None-Match", "\"a\""}, {"If-Modified-Since", "then"}});
    CHECK(has_validator(stored));
    CHECK_FALSE(has_validator({}));
}

TEST_CASE("a stored response has what the next request is compared with") {
    const stored_response one =
        make_stored({.url = "http://a/", .headers = {{"Accept", "x"}}}, 206,
                    {{"Vary", "Accept"}, {"Content-Range", "bytes 0-1/9"}, {"Connection", "close"}}, "ab",
                    wall_time{1s}, wall_time{2s});
    CHECK(one.range == byte_range{0, 1, 9});
    CHECK(one.selecting == headers{{"accept", "x"}});
    CHECK_FALSE(one.headers.contains("Connection"));
    CHECK(one.requested == wall_time{1s});
}
