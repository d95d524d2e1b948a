// SPDX-License-Identifier: MIT
#include "weir/tuner/aimd_law.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using weir::instant;
using weir::multiplier;
using weir::tuner_state;
using weir::tuning;

namespace {

weir::aimd_options tuned_on() {
    weir::aimd_options o;
    o.enabled = true;
    return o;
}

/// A key under one law, told answer by answer.
struct tuned_key {
    weir::aimd_law law{tuned_on()};
    tuner_state s{};
    instant now{100s};

    weir::adjustment tell(std::int64_t answers, std::int64_t refusals, instant sent, std::int64_t stated = 0) {
        weir::observation seen{.answers = answers, .refusals = refusals, .stated = stated, .sent = sent};
        seen.bound = is_bound ? now : weir::long_ago;
        return law.step(s, seen, now);
    }
    weir::adjustment refuse(std::int64_t times = 1) { return tell(times, times, now); }
    weir::adjustment pass(std::int64_t times = 1) { return tell(times, 0, weir::long_ago); }
    /// One observation of answers that are none of them refused.
    weir::adjustment quiet_window() {
        now += 30s;
        static_cast<void>(pass(10));
        now += 30s;
        return pass();
    }
    bool is_bound = true;
};

}  // namespace

TEST_CASE("aimd_law: one stray 429 cuts nothing in a thin window, nor two; a third in a row does") {
    tuned_key k;
    CHECK_FALSE(k.refuse());
    CHECK_FALSE(k.refuse());
    const auto a = k.refuse();
    CHECK(a.why == tuning::refused);
    CHECK(a.before.is_one());
    CHECK(a.after == multiplier::of(0.8));
    CHECK(a.answers == 3);
    CHECK(a.refusals == 3);
}

TEST_CASE("aimd_law: refusals below the share that is allowed never cut, above it they do within a few") {
    tuned_key calm, busy;
    for (int i = 0; i < 1'000; ++i) {
        CHECK_FALSE(calm.refuse());
        CHECK_FALSE(calm.pass(24));  // 4 %
    }
    int refusals = 0;
    bool was_cut = false;
    while (!was_cut) {
        ++refusals;
        was_cut = static_cast<bool>(busy.refuse());
        static_cast<void>(busy.pass(7));  // 12.5 %
    }
    CHECK(refusals == 3);
}

TEST_CASE("aimd_law: many earlier good answers do not hide that a limit was lowered") {
    tuned_key k;
    static_cast<void>(k.pass(1'000'000));
    CHECK_FALSE(k.refuse(2));
    CHECK(k.refuse());
}

TEST_CASE("aimd_law: a refusal that states the limit weighs twice, and is not tried out again for long") {
    tuned_key k;
    CHECK_FALSE(k.tell(1, 1, k.now, 1));
    CHECK(k.tell(1, 1, k.now, 1));
    for (int i = 0; i < weir::aimd_law::stated_wait; ++i)
        CHECK(k.quiet_window().after == multiplier::of(0.8));
    CHECK(k.quiet_window().after == multiplier::of(0.85));
    CHECK(k.quiet_window().after == multiplier::of(0.9));
}

TEST_CASE("aimd_law: one cut for each episode: requests sent before the cut are ignored") {
    tuned_key k;
    const instant sent = k.now;
    k.now += 1s;
    CHECK(k.tell(3, 3, sent));
    k.now += 1s;
    for (int i = 0; i < 20; ++i)
        CHECK_FALSE(k.tell(1, 1, sent));
    CHECK(k.s.factor == multiplier::of(0.8));
    CHECK(k.s.answers == 0);
    CHECK(k.refuse(3).after == multiplier::of(0.64));
}

TEST_CASE("aimd_law: it grows by hundredths of the configured rate, after a window in which the limit was binding") {
    tuned_key k;
    static_cast<void>(k.refuse(3));
    static_cast<void>(k.refuse(3));
    REQUIRE(k.s.factor == multiplier::of(0.64));
    auto a = k.quiet_window();
    CHECK(a.why == tuning::stable);
    CHECK(a.after == multiplier::of(0.69));
    CHECK(k.quiet_window().after == multiplier::of(0.74));

    k.is_bound = false;
    k.s.bound = weir::long_ago;
    CHECK_FALSE(k.quiet_window());
    CHECK(k.s.factor == multiplier::of(0.74));
}

TEST_CASE(
    "aimd_law: answers that are told at the end of an observation belong to it: where nothing was binding, no growth") {
    tuned_key k;
    static_cast<void>(k.refuse(3));
    k.is_bound = false;
    for (int i = 0; i < 9; ++i) {
        k.now += 61s;
        CHECK_FALSE(k.pass(50));
    }
    CHECK(k.s.factor == multiplier::of(0.8));
}

TEST_CASE("aimd_law: it waits below the factor that was refused last, and longer each time") {
    tuned_key k;
    static_cast<void>(k.refuse(3));
    static_cast<void>(k.refuse(3));  // 0.8 was too much
    for (const double m : {0.69, 0.74, 0.79, 0.79})
        CHECK(k.quiet_window().after == multiplier::of(m));
    CHECK(k.quiet_window().after == multiplier::of(0.84));
    // It was known to be too much: one refusal is enough.
    CHECK(k.refuse().after == multiplier::of(0.672));
    for (const double m : {0.722, 0.772, 0.822, 0.822, 0.822, 0.872})
        CHECK(k.quiet_window().after == multiplier::of(m));
    // Nothing is refused any more.
    CHECK(k.quiet_window().after == multiplier::of(0.922));
    CHECK(k.quiet_window().after == multiplier::of(0.972));
    CHECK(k.quiet_window().after.is_one());
    CHECK(k.quiet_window().before.is_one());
}

TEST_CASE("aimd_law: the factor is never zero, and an idle key recovers without a request") {
    tuned_key k;
    for (int i = 0; i < 100; ++i)
        static_cast<void>(k.refuse(3));
    CHECK(k.s.factor == multiplier::of(0.3));
    const instant back = k.s.recovered;
    CHECK(back > k.now);
    CHECK(back <= k.now + 25min);
    k.now = back;
    k.is_bound = false;
    const auto a = k.pass();
    CHECK(a.why == tuning::idle);
    CHECK(a.after.is_one());
    CHECK(k.s.recovered <= k.now);
}

TEST_CASE("aimd_law: changed bounds apply at once") {
    tuned_key k;
    auto o = tuned_on();
    o.max_multiplier = 0.7;
    k.law = weir::aimd_law{o};
    auto a = k.pass();
    CHECK(a.why == tuning::bounded);
    CHECK(a.after == multiplier::of(0.7));
    o.min_multiplier = 0.6;
    k.law = weir::aimd_law{o};
    static_cast<void>(k.refuse(3));
    CHECK(k.s.factor == multiplier::of(0.6));
}

TEST_CASE("aimd_law: a high ratio of 1 still cuts when nothing else is answered") {
    tuned_key k;
    auto o = tuned_on();
    o.high_429_ratio = 1;
    k.law = weir::aimd_law{o};
    CHECK_FALSE(k.refuse(2));
    CHECK(k.refuse());
}

TEST_CASE("tuning: every reason has a name") {
    for (const auto t : {tuning::none, tuning::refused, tuning::stable, tuning::idle, tuning::bounded})
        CHECK_FALSE(to_string(t).empty());
    CHECK(to_string(tuning::refused) == "high_429_ratio");
}
