// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"

#include "weir/tuner/aimd_law.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;
using weir::limit_unit;

TEST_CASE("tuner: for any answers the factor stays within its bounds, changes only as reported, and recovers") {
    const std::uint64_t seed = weir_test::seed_for("aimd law");
    weir_test::dice dice{seed};
    for (int round = 0; round < weir_test::cases_or(2'000); ++round) {
        weir::aimd_options o;
        o.window_s = static_cast<double>(dice.from(1, 600));
        o.high_429_ratio = static_cast<double>(dice.from(1, 100)) / 100;
        o.increase_step_pct = static_cast<double>(dice.from(1, 100));
        o.decrease_step_pct = static_cast<double>(dice.from(1, 99));
        o.max_multiplier = static_cast<double>(dice.from(1, 100)) / 100;
        o.min_multiplier = o.max_multiplier * static_cast<double>(dice.from(1, 100)) / 100;
        REQUIRE(weir::faults_of(o).empty());
        const weir::aimd_law law{o};
        const auto min = weir::multiplier::of(o.min_multiplier), max = weir::multiplier::of(o.max_multiplier);
        weir::tuner_state s;
        instant now{std::chrono::seconds{dice.from(0, 1'000'000)}};
        for (int i = 0; i < 200; ++i) {
            now += std::chrono::milliseconds{dice.chance(5) ? dice.from(0, 100'000'000) : dice.from(0, 100'000)};
            weir::observation seen;
            seen.refusals = dice.chance(50) ? dice.from(0, 5) : 0;
            seen.stated = dice.from(0, seen.refusals);
            seen.answers = seen.refusals + dice.from(0, 50);
            seen.sent = now - std::chrono::milliseconds{dice.from(0, 100'000)};
            seen.bound = now + std::chrono::milliseconds{dice.from(-100'000, 100'000)};
            const auto before = s;
            const auto a = law.step(s, seen, now);
            INFO("WEIR_SEED=" << seed << ", round " << round << ", step " << i);
            REQUIRE(s.factor >= min);
            REQUIRE(s.factor <= max);
            REQUIRE(a.before == before.factor);
            REQUIRE(a.after == s.factor);
            REQUIRE(s.window <= now);
            REQUIRE(s.cut >= before.cut);
            REQUIRE(s.excess >= 0);
            REQUIRE(s.refusals <= s.answers);
            if (seen.refusals == 0 && before.factor >= min && before.factor <= max)
                REQUIRE(s.factor >= before.factor);
            if (a)
                REQUIRE(a.why != weir::tuning::none);
        }
        if (const instant back = s.recovered; back < weir::far_future) {
            static_cast<void>(law.step(s, {}, std::max(now, back) + std::chrono::hours{1}));
            REQUIRE(s.factor == max);
        }
    }
}

TEST_CASE("answers: whatever a server reports, gates only move forward and nothing allows more") {
    const std::uint64_t seed = weir_test::seed_for("told limits");
    weir_test::dice dice{seed};
    for (int round = 0; round < weir_test::cases_or(300); ++round) {
        auto p = weir_test::limited({{dice.from(1, 20), 1s}, {dice.from(20, 100), 1min}});
        p.aimd.enabled = dice.chance(50);
        weir_test::manual_limits heard{p}, unheard{p};
        instant gate = weir::long_ago;
        for (int i = 0; i < 100; ++i) {
            const auto at = heard.clock.now() + std::chrono::milliseconds{dice.from(0, 3'000)};
            heard.clock.set(at);
            unheard.clock.set(at);
            auto got = heard.limits.try_acquire("h", "metadata");
            INFO("WEIR_SEED=" << seed << ", round " << round << ", step " << i);
            if (got) {
                // Who was told less never lets through what the configuration alone would not.
                auto same = unheard.limits.try_acquire("h", "metadata");
                REQUIRE(same);
                same.permit().arrived();
                std::vector<weir::reported_limit> all;
                for (std::int64_t n = dice.from(0, 5); n > 0; --n) {
                    weir::reported_limit l;
                    l.unit = static_cast<limit_unit>(dice.from(0, 2));
                    if (dice.chance(70))
                        l.limit = dice.from(-1, 200);
                    if (dice.chance(70))
                        l.window = std::chrono::milliseconds{dice.from(1, 100'000)};
                    if (dice.chance(70))
                        l.remaining = dice.from(-1, 200);
                    if (dice.chance(70))
                        l.reset = std::chrono::milliseconds{dice.from(0, 5'000)};
                    all.push_back(l);
                }
                const int status = dice.chance(20) ? 429 : 200;
                got.permit().arrived({.status = status, .limits = all});
            }
            const auto seen = heard.limits.inspect("h", "metadata");
            REQUIRE(seen);
            REQUIRE(seen->state.gate >= gate);
            REQUIRE(seen->state.windows.size() <= 2 + 4);
            gate = seen->state.gate;
        }
    }
}
