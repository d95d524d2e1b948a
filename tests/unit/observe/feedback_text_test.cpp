// SPDX-License-Identifier: MIT
#include "weir/observe/feedback_text.hpp"

#include "support/catch.hpp"

#include "weir/observe/json_lines.hpp"

#include <array>
#include <chrono>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::detail::describe;
using weir::detail::kind_of;

TEST_CASE("feedback text: what is used, what is dropped and why") {
    const std::array limits{
        weir::reported_limit{.limit = 5, .window = 1h, .remaining = 4, .reset = 1500ms, .of = "search"}};
    const std::array<std::string, 1> dropped{"RateLimit ignored: malformed"};
    weir::feedback said{.status = 429, .retry_after = 30s, .limits = limits, .dropped = dropped};
    weir::policy p;
    auto text = describe(p, said, true, 30s);
    CHECK(text.used == std::vector<std::string>{"a refusal: status 429", "Retry-After: 30 s",
                                                "limit \"search\": 5 requests, in 3600 s, 4 left, more in 1.5 s"});
    CHECK(text.dropped == std::vector<std::string>{"RateLimit ignored: malformed"});
    CHECK(text.warning.empty());
    p.reported_limits = weir::limit_trust::ignore;
    text = describe(p, said, true, 30s);
    CHECK(text.used.size() == 2);
    CHECK(text.dropped.size() == 3);
}

TEST_CASE("feedback text: a time beyond max_hold_ms is a warning, and may be milliseconds") {
    const weir::feedback said{.status = 429, .retry_after = 100'000s};
    CHECK(describe({}, said, true, 2h).warning ==
          "the server asks to wait for 7200 s, which is longer than max_hold_ms; requests are refused until then");
    CHECK(describe({}, said, true, 100'000s).warning.ends_with("; if it counts milliseconds, it means 100 s"));
    weir::policy p;
    p.max_hold = weir::forever;
    CHECK(describe(p, said, true, 100'000s).warning.empty());
}

TEST_CASE("feedback text: only what does not change with each answer makes another kind") {
    std::array limits{weir::reported_limit{.limit = 5, .remaining = 4}};
    const weir::feedback said{.status = 200, .limits = limits};
    const auto kind = kind_of(said, false);
    CHECK(kind != 0);
    limits[0].remaining = 3;
    CHECK(kind_of(said, false) == kind);
    limits[0].limit = 6;
    CHECK(kind_of(said, false) != kind);
    CHECK(kind_of(said, true) != kind_of(said, false));
    CHECK(kind_of({.status = 200}, false) == 0);
    CHECK(kind_of({.status = 429}, true) != 0);
}

TEST_CASE("feedback text: the event is a line of JSON") {
    const std::array<std::string, 1> used{"Retry-After: 30 s"}, dropped{"a \"quoted\" field"};
    weir::event e{weir::event_type::feedback, weir::instant{10s}, "h", "metadata"};
    e.status = 429;
    e.used = used;
    e.verdict.retry_at = weir::instant{40s};
    CHECK(weir::json_lines::line(e, {}) ==
          R"({"timestamp":"1970-01-01T00:00:00.000Z","stage":"rate-limiter","event_type":"feedback","host":"h",)"
          R"("role":"metadata","status":429,"used":["Retry-After: 30 s"],"dropped":[],)"
          R"("retry_at":"1970-01-01T00:00:30.000Z"})"
          "\n");
    e.dropped = dropped;
    e.verdict.retry_at = e.at;
    e.text = "too long";
    CHECK(weir::json_lines::line(e, {}) ==
          R"({"timestamp":"1970-01-01T00:00:00.000Z","stage":"rate-limiter","event_type":"feedback","host":"h",)"
          R"("role":"metadata","status":429,"used":["Retry-After: 30 s"],"dropped":["a \"quoted\" field"],)"
          R"("warning":"too long"})"
          "\n");
}
