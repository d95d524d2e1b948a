// SPDX-License-Identifier: MIT
#include "weir/http/answer_reader.hpp"

#include "support/catch.hpp"

using weir::http::detail::json_value;

TEST_CASE("answer reader: a value of a body is found by its name") {
    CHECK(json_value(R"({"error":"ratelimited"})", "error") == "ratelimited");
    CHECK(json_value(R"({ "a" : 12, "b":true})", "a") == "12");
    CHECK(json_value(R"({"a":12})", "a") == "12");
    CHECK(json_value(R"({"aa":1,"a":2})", "a") == "2");
    CHECK(json_value(R"({"a":"")", "a").empty());
    for (const char* body : {"", "\"a\"", "\"a\":", "\"a\" 1", "a:1", "\"a", "a"})
        CHECK(json_value(body, "a").empty());
}

TEST_CASE("answer reader: by default nothing is read") {
    const weir::http::headers none;
    CHECK(weir::http::no_answer_reader{}({200, none, "x"}) == weir::http::answer_reading{});
}
