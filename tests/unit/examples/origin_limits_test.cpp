// SPDX-License-Identifier: MIT
#include "../../../examples/weir-origin/limits.hpp"
#include "../../../examples/weir-origin/rates.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using origin::limiter;
using origin::model_kind;
using origin::nanos;
using origin::rate;

namespace {

constexpr std::initializer_list<model_kind> every_model{model_kind::sliding_log, model_kind::fixed_window,
                                                        model_kind::two_counter, model_kind::gcra};

int admitted_at(limiter& l, nanos now, int attempts) {
    int count = 0;
    for (int i = 0; i < attempts; ++i) {
        count += l.decide(now) == 0ns ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("origin: every model admits N at once from rest and then refuses", "[origin]") {
    for (const auto kind : every_model) {
        limiter l{kind, {{10, 1s}}};
        CHECK(admitted_at(l, 0ns, 25) == 10);
    }
}

TEST_CASE("origin: no rates means everything is admitted", "[origin]") {
    limiter l;
    CHECK(admitted_at(l, 0ns, 1000) == 1000);
}

TEST_CASE("origin: after the wait a model named, and not a nanosecond before, it admits", "[origin]") {
    for (const auto kind : every_model) {
        for (const auto& r : {rate{10, 1s}, rate{1, 1s}, rate{3, 7s}, rate{7, 1s}, rate{100'000, 24h}}) {
            std::mt19937_64 random{42};
            limiter l{kind, {r}};
            nanos now{0};
            int refusals = 0;
            for (int i = 0; i < 400; ++i) {
                now += nanos{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(r.per.count() / r.limit))};
                if (const nanos wait = l.decide(now); wait > 0ns) {
                    ++refusals;
                    auto early = l;
                    CHECK(early.decide(now + wait - 1ns) == 1ns);
                    now += wait;
                    REQUIRE(l.decide(now) == 0ns);
                }
            }
            CHECK((refusals > 0 || r.limit > 400));
        }
    }
}

TEST_CASE("origin: a sliding log admits at most N in any half-open interval of length T", "[origin]") {
    std::mt19937_64 random{7};
    limiter l{model_kind::sliding_log, {{5, 1s}}};
    std::vector<nanos> admitted;
    nanos now{0};
    for (int i = 0; i < 5000; ++i) {
        now += nanos{static_cast<std::int64_t>(random() % 200'000'000)};
        const auto inside = std::count_if(admitted.begin(), admitted.end(), [&](nanos t) { return t > now - 1s; });
        const bool yes = l.decide(now) == 0ns;
        REQUIRE(yes == (inside < 5));  // exact in both directions
        if (yes) {
            admitted.push_back(now);
        }
    }
}

TEST_CASE("origin: a sliding log frees a unit exactly T after it was taken, and refusals take none", "[origin]") {
    limiter l{model_kind::sliding_log, {{2, 1s}}};
    CHECK(l.decide(0ms) == 0ns);
    CHECK(l.decide(400ms) == 0ns);
    CHECK(l.decide(999ms) == 1ms);
    CHECK(l.decide(1000ms) == 0ns);
    CHECK(l.decide(1000ms) == 400ms);
    CHECK(l.decide(1400ms) == 0ns);
}

TEST_CASE("origin: a fixed window lets 2N pass around its edge", "[origin]") {
    limiter l{model_kind::fixed_window, {{10, 1s}}};
    CHECK(admitted_at(l, 999ms, 20) == 10);
    CHECK(l.decide(999ms) == 1ms);
    CHECK(admitted_at(l, 1000ms, 20) == 10);
    CHECK(admitted_at(l, 5500ms, 20) == 10);
}

TEST_CASE("origin: two counters weigh the previous window by its remaining share", "[origin]") {
    limiter l{model_kind::two_counter, {{10, 1s}}};
    CHECK(admitted_at(l, 900ms, 20) == 10);
    CHECK(l.decide(1000ms) == 100ms);         // 10 * 0.9 + 1 fits at 1.1 s
    CHECK(admitted_at(l, 1500ms, 20) == 5);   // 10 * 0.5 + 5
    CHECK(admitted_at(l, 1600ms, 20) == 1);   // 10 * 0.4 + 6
    CHECK(admitted_at(l, 3000ms, 20) == 10);  // a whole empty window between
}

TEST_CASE("origin: gcra gives back one unit every T/N up to its burst", "[origin]") {
    limiter even{model_kind::gcra, {{10, 1s}}, 1};
    CHECK(admitted_at(even, 0ms, 5) == 1);
    CHECK(even.decide(30ms) == 70ms);
    CHECK(admitted_at(even, 100ms, 5) == 1);
    CHECK(admitted_at(even, 1h, 5) == 1);

    limiter saved{model_kind::gcra, {{10, 1s}}, 4};
    CHECK(admitted_at(saved, 0ms, 9) == 4);
    CHECK(admitted_at(saved, 200ms, 9) == 2);
    CHECK(admitted_at(saved, 10s, 9) == 4);
}

TEST_CASE("origin: a rate whose spacing is no whole number of nanoseconds loses none", "[origin]") {
    limiter l{model_kind::gcra, {{3, 1s}}, 1};
    nanos now{0};
    REQUIRE(l.decide(now) == 0ns);
    for (int i = 1; i < 3000; ++i) {
        now += l.decide(now);
        REQUIRE(l.decide(now) == 0ns);
    }
    // The last is due at 999.666... s. Each waits for a whole nanosecond and the spacing counts from its arrival, so
    // less than a nanosecond per step is lost.
    CHECK(now >= 999'666'666'667ns);
    CHECK(now < 999'666'666'667ns + 2999ns);
}

TEST_CASE("origin: all rates are decided together and a refusal counts in none", "[origin]") {
    for (const auto kind : every_model) {
        limiter l{kind, {{2, 1s}, {3, 1min}}};
        CHECK(admitted_at(l, 0ms, 10) == 2);
        const nanos third = kind == model_kind::two_counter ? 1500ms : 1000ms;
        CHECK(admitted_at(l, third, 10) == 1);  // had refusals counted, the minute would be full
        CHECK(l.decide(third) > 15s);
    }
}

TEST_CASE("origin: rates are read strictly", "[origin]") {
    using origin::parse_rate;
    CHECK(parse_rate("10/1s") == rate{10, 1s});
    CHECK(parse_rate("10/SECOND") == rate{10, 1s});
    CHECK(parse_rate("5000/h") == rate{5000, 1h});
    CHECK(parse_rate("300/5min") == rate{300, 5min});
    CHECK(parse_rate("1/3s") == rate{1, 3s});
    CHECK(parse_rate("2/250ms") == rate{2, 250ms});
    CHECK(parse_rate("9/2DAYS") == rate{9, 48h});
    for (const char* wrong :
         {"", "10", "10/", "/s", "0/s", "-1/s", "10/0s", "10/-1s", "1.5/s", "10/1.5s", "10/s ", " 10/s", "10/1s,",
          "10/fortnight", "+1/s", "1e3/s", "10/1", "99999999999999999999/s", "1/9999999999999999999h"}) {
        INFO(wrong);
        CHECK_FALSE(parse_rate(wrong).has_value());
    }
}

TEST_CASE("origin: durations are read strictly", "[origin]") {
    using origin::parse_duration;
    CHECK(parse_duration("0") == 0ns);
    CHECK(parse_duration("100ms") == 100ms);
    CHECK(parse_duration("1.5s") == 1500ms);
    CHECK(parse_duration("2min") == 2min);
    for (const char* wrong : {"", "100", "ms", "-1s", "1..5s", "1s ", "1 s", ".", "nan", "99999999999999h"}) {
        INFO(wrong);
        CHECK_FALSE(parse_duration(wrong).has_value());
    }
}
