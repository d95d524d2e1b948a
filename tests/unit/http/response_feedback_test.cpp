// SPDX-License-Identifier: MIT
#include "weir/http/response_feedback.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

namespace {
constexpr auto heard_at = std::chrono::system_clock::time_point{} + 20'000h;
}

TEST_CASE("response_feedback: Retry-After is read if it can concern the limit at this status") {
    const weir::http::headers fields{{"Retry-After", "7"}};
    CHECK(weir::http::response_feedback{429, fields, heard_at}.said().retry_after == 7s);
    CHECK(weir::http::response_feedback{503, fields, heard_at}.said().retry_after == 7s);
    CHECK(weir::http::response_feedback{301, fields, heard_at}.said().retry_after == 7s);
    CHECK_FALSE(weir::http::response_feedback{200, fields, heard_at}.said().retry_after);
    CHECK(weir::http::response_feedback{429, {}, heard_at}.said().status == 429);
}

TEST_CASE("response_feedback: limits in every unit are read from any response that is not from a cache") {
    const weir::http::headers fields{
        {"RateLimit-Policy", R"("a";q=10;w=60, "b";q=4;qu="concurrent-requests", "c";q=9;w=9;qu="content-bytes")"},
        {"RateLimit", R"("a";r=3;t=20)"}};
    const weir::http::response_feedback heard{200, fields, heard_at};
    const auto& said = heard.said();
    REQUIRE(said.limits.size() == 3);
    CHECK(said.limits[0] == weir::reported_limit{weir::limit_unit::requests, 10, 60s, 3, 20s});
    CHECK(said.limits[1].unit == weir::limit_unit::concurrent_requests);
    CHECK(said.limits[1].limit == 4);
    CHECK(said.limits[2].unit == weir::limit_unit::content_bytes);

    auto cached = fields;
    cached.add("Age", "3");
    CHECK(weir::http::response_feedback{200, cached, heard_at}.said().limits.empty());
}
