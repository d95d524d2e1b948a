// SPDX-License-Identifier: MIT
#include "weir/http/known_bodies.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/http/limited.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;
namespace http = weir::http;

namespace known_bodies_tests {

/// A server that gives one answer, its body byte by byte.
struct one_answer {
    int status = 200;
    http::headers fields;
    std::string content;

    void send(const http::request&, http::receiver& to) const {
        to.head(status, fields);
        for (std::size_t i = 0; i < content.size(); ++i)
            if (!to.body(std::string_view{content}.substr(i, 1)))
                return;
    }
};

/// How long the key sends nothing after that answer.
template <class Reader>
weir::duration held_after(const one_answer& server, Reader reader) {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    http::limited client{server, w.limits, std::move(reader)};
    const auto reply = client.send({.url = "https://h/x", .role = "metadata"});
    CHECK(reply.body == server.content);
    return std::max(w.limits.inspect("h", "metadata")->state.gate - w.clock.now(), weir::duration::zero());
}
weir::duration held_after(int status, std::string body) {
    return held_after(one_answer{status, {}, std::move(body)}, http::known_bodies{});
}

}  // namespace known_bodies_tests

using known_bodies_tests::held_after;
using known_bodies_tests::one_answer;

TEST_CASE("known bodies: a refusal that only the body states pauses the key") {
    CHECK(held_after(200, R"({"ok": false, "error": "ratelimited"})") == 1s);
    CHECK(held_after(200, R"({"items":[],"backoff":10,"quota_remaining":5})") == 10s);
    CHECK(held_after(400, R"({"error_id":502,"error_name":"throttle_violation"})") == 1s);
    CHECK(held_after(403, R"({"error":{"errors":[{"domain":"usageLimits","reason" : "userRateLimitExceeded"}]}})") ==
          1s);
    CHECK(held_after(429, R"({"error":{"details":[{"@type":"RetryInfo","retryDelay":"33.5s"}]}})") == 33500ms);
    CHECK(held_after(200, R"({"error":{"code":"maxlag","info":"Waiting for a database server","lag":7.2}})") == 1s);
    CHECK(held_after(403, R"({"message":"You have exceeded a secondary rate limit. Please wait"})") == 1s);
    CHECK(held_after(400, R"({"errors":[{"extensions":{"code":"RATELIMITED"}}]})") == 1s);
}

TEST_CASE("known bodies: other bodies say nothing") {
    CHECK(held_after(200, R"({"ok":true})") == 0s);
    CHECK(held_after(200, R"({"title":"On the reason rateLimitExceeded and a secondary rate limit"})") == 0s);
    CHECK(held_after(403, R"({"message":"Forbidden"})") == 0s);
    CHECK(held_after(200, "") == 0s);
    CHECK(held_after(200, R"({"error":)") == 0s);
    CHECK(held_after(200, R"({"backoff":"soon"})") == 0s);
    CHECK(held_after(200, R"({"backoff)") == 0s);
    CHECK(held_after(200, std::string(10'000, 'x')) == 0s);
}

TEST_CASE("answer reader: a program reads what its service says, and has the status, the fields and the first bytes") {
    std::string seen;
    const auto reader = [&seen](const http::answer_view& answer) {
        seen = std::to_string(answer.status) + " " + std::string{answer.fields.first("X-Why").value_or("")} + " " +
               std::string{answer.body.substr(0, 3)} + " " + std::to_string(answer.body.size());
        http::answer_reading out;
        out.refused = true;
        out.retry_after = 20s;
        out.quotas.push_back({.name = "credits", .reported = {.limit = 100, .remaining = 0, .reset = 90s}});
        return out;
    };
    CHECK(held_after(one_answer{200, {{"X-Why", "busy"}}, std::string(5000, 'y')}, reader) == 90s);
    CHECK(seen == "200 busy yyy 4096");
    CHECK(held_after(one_answer{204, {}, ""}, reader) == 90s);
    CHECK(seen == "204   0");
}
