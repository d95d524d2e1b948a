// SPDX-License-Identifier: MIT
//
// What a server says of one thing is not obeyed for another.
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"

#include "weir/http/response_feedback.hpp"
#include "weir/storage/shared_memory_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

namespace reported_limits_tests {

const std::chrono::sys_seconds noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 28} + 12h};
using fields = weir::http::headers;

/// Sends one request at once and gives it this answer 10 ms later. Returns whether it was admitted.
template <class Limits>
bool answered(Limits& limits, weir::testing::manual_clock& clock, const fields& f, int status = 200) {
    auto got = limits.try_acquire("h", "metadata");
    clock.advance(10ms);
    if (got)
        got.permit().arrived(weir::http::response_feedback{status, f, noon}.said());
    return static_cast<bool>(got);
}
template <class Limits>
weir::duration held(Limits& limits, const weir::testing::manual_clock& clock) {
    return std::max(limits.inspect("h", "metadata")->state.gate - clock.now(), weir::duration::zero());
}

const fields cheap{{"RateLimit-Policy", "\"cheap\";q=100;w=900"}, {"RateLimit", "\"cheap\";r=90;t=900"}};
const fields search{{"RateLimit-Policy", "\"search\";q=5;w=3600"}, {"RateLimit", "\"search\";r=4;t=3600"}};

}  // namespace reported_limits_tests

using namespace reported_limits_tests;

TEST_CASE("reported limits: the limit of another path does not count what was sent before it was seen") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    for (int i = 0; i < 9; ++i)
        CHECK(answered(w.limits, w.clock, cheap));
    w.clock.advance(2s);
    CHECK(answered(w.limits, w.clock, search));
    for (int i = 0; i < 20; ++i) {
        w.clock.advance(1s);
        CHECK(answered(w.limits, w.clock, cheap));  // the answers say that the limit is about other requests
    }
}

TEST_CASE("reported limits: one that every answer reports is obeyed from its first sight") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    for (int i = 0; i < 8; ++i)
        CHECK(answered(w.limits, w.clock, {}));
    w.clock.advance(2s);
    int sent = 0;
    for (int i = 0; i < 100; ++i) {
        sent += answered(w.limits, w.clock, search) ? 1 : 0;
        w.clock.advance(1s);
    }
    CHECK(sent == 5);
    w.clock.advance(1h);
    CHECK(answered(w.limits, w.clock, {}));
}

TEST_CASE("reported limits: a limit ends with its window if it is not reported again") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    const fields five{{"RateLimit-Policy", "\"five\";q=5;w=1000"}};
    CHECK(answered(w.limits, w.clock, five));
    CHECK(w.limits.inspect("h", "metadata")->state.windows.size() == 2);
    w.clock.advance(999s);
    CHECK(answered(w.limits, w.clock, {}));
    CHECK(w.limits.inspect("h", "metadata")->state.windows.size() == 2);
    w.clock.advance(2s);
    CHECK(answered(w.limits, w.clock, {}));
    CHECK(w.limits.inspect("h", "metadata")->state.windows.size() == 1);
}

TEST_CASE("reported limits: only a success or a refusal puts a limit in force") {
    for (const int status : {200, 206, 429, 503, 301, 400, 401, 403, 404, 500}) {
        CAPTURE(status);
        weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
        CHECK(answered(w.limits, w.clock, search, status));
        const bool binds = status < 300 || status == 429 || status == 503;
        CHECK(w.limits.inspect("h", "metadata")->state.windows.size() == (binds ? 2 : 1));
    }
}

TEST_CASE("reported limits: nothing left of one resource, partition or policy does not hold the others") {
    const auto left = [](const char* what, const char* value) {
        return fields{{"X-RateLimit-Limit", "30"},
                      {"X-RateLimit-Remaining", value},
                      {"X-RateLimit-Reset", "45"},
                      {"X-RateLimit-Resource", what}};
    };
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    SECTION("a resource") {
        CHECK(answered(w.limits, w.clock, left("core", "25")));
        CHECK(answered(w.limits, w.clock, left("search", "0")));
        CHECK(held(w.limits, w.clock) == 0s);
    }
    SECTION("but the only one that was ever reported") {
        CHECK(answered(w.limits, w.clock, left("search", "25")));
        CHECK(answered(w.limits, w.clock, left("search", "0")));
        CHECK(held(w.limits, w.clock) == 45s);
    }
    SECTION("and a refusal holds in any case") {
        CHECK(answered(w.limits, w.clock, left("core", "25")));
        CHECK(answered(w.limits, w.clock, left("search", "0"), 429));
        CHECK(held(w.limits, w.clock) == 45s);
    }
    SECTION("and after its time the other one is forgotten") {
        CHECK(answered(w.limits, w.clock, left("core", "25")));
        w.clock.advance(11min);
        CHECK(answered(w.limits, w.clock, left("search", "0")));
        CHECK(held(w.limits, w.clock) == 45s);
    }
    SECTION("a partition") {
        CHECK(answered(w.limits, w.clock, {{"RateLimit", "\"d\";r=9;t=60;pk=:YQ==:"}}));
        CHECK(answered(w.limits, w.clock, {{"RateLimit", "\"d\";r=0;t=60;pk=:Yg==:"}}));
        CHECK(held(w.limits, w.clock) == 0s);
    }
    SECTION("a policy") {
        CHECK(answered(w.limits, w.clock, cheap));
        CHECK(answered(w.limits, w.clock, {{"RateLimit", "\"search\";r=0;t=3600"}}));
        CHECK(held(w.limits, w.clock) == 0s);
    }
}

TEST_CASE("reported limits: a limit that does not state its size has that of the most that was left") {
    const auto left = [](const char* value) {
        return fields{{"X-RateLimit-Remaining", value}, {"X-RateLimit-Reset", "100"}};
    };
    weir_test::manual_limits w{weir_test::limited({{100, 1s}})};
    CHECK(answered(w.limits, w.clock, left("996.0")));
    CHECK(held(w.limits, w.clock) == 0s);
    CHECK(answered(w.limits, w.clock, left("100")));
    CHECK(held(w.limits, w.clock) == 0s);
    CHECK(answered(w.limits, w.clock, left("49")));
    CHECK(held(w.limits, w.clock) == 2s);
}

TEST_CASE("reported limits: the policy says which are obeyed") {
    const fields none_left{{"X-RateLimit-Limit", "1000"}, {"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "900"}};
    auto p = weir_test::limited({{10, 1s}});
    SECTION("none of OpenAlex's credits, which lookups do not cost") {
        p.reported_limits = weir::limit_trust::ignore;
        weir_test::manual_limits w{p};
        CHECK(answered(w.limits, w.clock, none_left));
        CHECK(held(w.limits, w.clock) == 0s);
        CHECK(answered(w.limits, w.clock, none_left, 429));
        CHECK(held(w.limits, w.clock) == 1s);
        CHECK(w.limits.inspect("h", "metadata")->state.windows.size() == 1);
    }
    SECTION("those of refusals") {
        p.reported_limits = weir::limit_trust::refusals;
        weir_test::manual_limits w{p};
        CHECK(answered(w.limits, w.clock, none_left));
        CHECK(held(w.limits, w.clock) == 0s);
        CHECK(answered(w.limits, w.clock, none_left, 429));
        CHECK(held(w.limits, w.clock) == 900s);
    }
    SECTION("Retry-After in any case") {
        p.reported_limits = weir::limit_trust::ignore;
        weir_test::manual_limits w{p};
        CHECK(answered(w.limits, w.clock, {{"Retry-After", "7"}}, 429));
        CHECK(held(w.limits, w.clock) == 7s);
    }
}

TEST_CASE("reported limits: a refusal without a time pauses as long as the policy says, and longer each time") {
    auto p = weir_test::limited({{10, 1s}});
    p.refusal_statuses = {403, 429};
    p.refusal_pause = 1min;
    p.max_hold = weir::forever;
    weir_test::manual_limits w{p};
    for (const auto pause : {1min, 2min, 4min, 8min, 8min}) {
        CHECK(answered(w.limits, w.clock, {}, 403));
        CHECK(held(w.limits, w.clock) == pause);
        w.clock.advance(pause);
    }
    CHECK(answered(w.limits, w.clock, {}));
    CHECK(answered(w.limits, w.clock, {{"Retry-After", "5"}}, 403));
    CHECK(held(w.limits, w.clock) == 5s);
}

TEST_CASE("reported limits: a process that shares the store knows them before its first answer") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::shared_memory_store<weir::testing::manual_clock> store{clock};
    const auto config = weir_test::configured(weir_test::limited({{10, 1s}}));
    weir::registry a{store, config}, b{store, config};
    CHECK(answered(a, clock, search));
    auto first = b.try_acquire("h", "metadata");
    REQUIRE(first);
    CHECK(b.inspect("h", "metadata")->state.windows.size() == 2);
    std::vector<decltype(first)> more;
    for (int i = 0; i < 8; ++i)
        more.push_back(b.try_acquire("h", "metadata"));
    CHECK(std::ranges::count_if(more, [](const auto& m) { return static_cast<bool>(m); }) == 3);
    CHECK(more.back().decision().retry_at >= clock.now() + 59min);
}

TEST_CASE("reported limits: no field ever raises a limit or shortens a time, in any order of answers") {
    weir_test::dice d{weir_test::seed_for("reported limits")};
    for (int round = 0; round < weir_test::cases_or(60); ++round) {
        weir_test::manual_limits w{weir_test::limited({{5, 1s}, {40, 20s}})};
        std::vector<instant> sent;
        instant gate = weir::long_ago;
        for (int i = 0; i < 80; ++i) {
            fields f;
            const auto number = [&](std::int64_t max) { return std::to_string(d.from(0, max)); };
            if (d.chance(40))
                f.add("RateLimit-Policy",
                      "\"p" + number(3) + "\";q=" + number(200) + ";w=" + std::to_string(d.from(1, 90)));
            if (d.chance(30))
                f.add("RateLimit", "\"p" + number(3) + "\";r=" + number(50) + ";t=" + number(9));
            if (d.chance(20))
                f.add("X-RateLimit-Limit", number(1000));
            if (d.chance(20))
                f.add("X-Rate-Limit-Interval", number(9) + "s");
            if (d.chance(20))
                f.add("X-RateLimit-Remaining", number(20));
            if (d.chance(20))
                f.add("Retry-After", number(5));
            if (d.chance(20))
                f.add("X-Concurrency-Limit", number(100));
            const int status = d.chance(15) ? 429 : d.chance(10) ? 404 : 200;
            auto got = w.limits.try_acquire("h", "metadata");
            if (got)
                sent.push_back(w.clock.now());
            w.clock.advance(std::chrono::milliseconds{d.from(1, 400)});
            if (got)
                got.permit().arrived(weir::http::response_feedback{status, f, noon}.said());
            const instant now_gate = w.limits.inspect("h", "metadata")->state.gate;
            CHECK(now_gate >= gate);
            gate = now_gate;
        }
        CHECK(weir_test::max_within(sent, 1s) <= 5);
        CHECK(weir_test::max_within(sent, 20s) <= 40);
    }
}
