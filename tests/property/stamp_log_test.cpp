// SPDX-License-Identifier: MIT
#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/stamp_log.hpp"

#include "support/catch.hpp"
#include "support/oracle.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iostream>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::duration;
using weir::instant;

/// Every unit's stamp, newest first.
class every_stamp {
public:
    void push(instant at, std::int64_t units) { stamps_.insert(stamps_.begin(), static_cast<std::size_t>(units), at); }
    std::int64_t remove(instant at, std::int64_t units) {
        std::int64_t found = 0;
        for (auto i = std::find(stamps_.begin(), stamps_.end(), at); found < units && i != stamps_.end() && *i == at;
             ++found)
            i = stamps_.erase(i);
        return found;
    }
    [[nodiscard]] instant nth_newest(std::int64_t k) const {
        return k < static_cast<std::int64_t>(stamps_.size()) ? stamps_[static_cast<std::size_t>(k)] : weir::long_ago;
    }
    [[nodiscard]] std::int64_t newer_than(instant at) const {
        return std::count_if(stamps_.begin(), stamps_.end(), [at](instant s) { return s > at; });
    }
    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(stamps_.size()); }

private:
    std::deque<instant> stamps_;
};

/// Of this thread: a machine that is busy elsewhere pauses too.
duration processor_time() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

void push(weir::stamp_log& log, instant at, std::int64_t units, const weir::retention& kept) {
    log.reserve(units, at, kept);
    log.push(at, units, kept);
}

/// How often the log was wrong, and how.
struct misfit {
    std::int64_t early = 0;
    std::int64_t lost = 0;  ///< units that a removal did not find
    std::int64_t inexact = 0;
};

}  // namespace

TEST_CASE("the stamp log is exact where windows look, and never earlier than the truth behind") {
    const std::uint64_t seed = weir_test::seed_for("stamp log against a deque");
    const int traces = weir_test::cases_or(2'000);
    for (int trace = 0; trace < traces; ++trace) {
        weir_test::dice dice{seed + static_cast<std::uint64_t>(trace)};
        weir::retention kept;
        kept.exact = static_cast<std::size_t>(dice.from(64, 200));
        kept.longest = dice.from(1, 200) * 1ms;
        weir::stamp_log log;
        every_stamp truth;
        instant now{1s};
        misfit wrong;
        std::int64_t gone = 0;  // units that were taken back: what is behind them may have left the ring
        const std::int64_t steps = dice.from(5, 120);
        for (std::int64_t step = 0; step < steps; ++step) {
            now += dice.chance(30) ? 0ns : duration{dice.from(1, 8'000'000)};
            if (dice.chance(12) && log.newest() > weir::long_ago) {
                // A refund of something recent or old: all of it goes, once.
                const std::int64_t newest = trace % 2 == 0 ? 20 : truth.size();
                const instant at = truth.nth_newest(dice.from(0, std::min<std::int64_t>(newest, truth.size())));
                if (at == weir::long_ago)
                    continue;
                const std::int64_t there = truth.newer_than(at - 1ns) - truth.newer_than(at);
                const std::int64_t units = dice.from(1, trace % 2 == 0 ? std::min<std::int64_t>(there, 5) : there);
                if (log.remove(at, units) != units || truth.remove(at, units) != units)
                    ++wrong.lost;
                gone += units;
            } else {
                const std::int64_t units = dice.chance(5) ? dice.from(50, 300) : dice.from(1, 6);
                push(log, now, units, kept);
                truth.push(now, units);
            }
            const auto exact = static_cast<std::int64_t>(kept.exact);
            for (std::int64_t k = 0; k < truth.size(); k += dice.from(1, 9)) {
                const instant said = log.nth_newest(k);
                const instant is = truth.nth_newest(k);
                if (said < is)
                    ++wrong.early;
                if (k + gone < exact && is > now - kept.longest && said != is)
                    ++wrong.inexact;
            }
            const instant since = now - duration{dice.from(0, 2 * kept.longest.count())};
            if (log.newer_than(since) < truth.newer_than(since))
                ++wrong.early;
        }
        if (wrong.early + wrong.inexact + wrong.lost > 0)
            FAIL("WEIR_SEED=" << seed << " trace " << trace << ": early " << wrong.early << ", inexact "
                              << wrong.inexact << ", not found " << wrong.lost);
    }
    SUCCEED();
}

TEST_CASE("a window past 65,536 units is never over, at most a thousandth late, and bounded in memory") {
    const std::uint64_t seed = weir_test::seed_for("coarse windows");
    weir_test::dice dice{seed};
    const std::int64_t limit = 100'000;
    const duration period = 10s;
    weir::policy p;
    p.rates = {{limit, period}};
    const auto plan = weir::plan_windows(p);
    weir::key_state state;
    std::deque<std::pair<instant, std::int64_t>> inside;  // stamps in the window
    std::int64_t used = 0;
    std::size_t max_bytes = 0;
    duration latest{};
    instant now{1s};
    int admitted = 0, denied = 0;
    while (now < instant{300s}) {
        now += duration{dice.from(0, 36'000'000)};  // a little more than the limit
        const std::int64_t cost = dice.chance(90) ? dice.from(1, 60) : dice.from(1, 4'000);
        while (!inside.empty() && inside.front().first <= now - period) {
            used -= inside.front().second;
            inside.pop_front();
        }
        const auto f = weir::assess(state, plan, cost, now);
        if (f.admits()) {
            if (used + cost > limit)
                FAIL("WEIR_SEED=" << seed << ": " << used << " used, " << cost << " more admitted");
            push(state.log, now, cost, plan.kept);
            inside.emplace_back(now, cost);
            used += cost;
            ++admitted;
        } else {
            // When would a log of every stamp have let it go?
            std::int64_t room = limit - used;
            instant lawful = now;
            for (const auto& [at, units] : inside) {
                if (room >= cost)
                    break;
                room += units;
                lawful = at + period;
            }
            if (f.at < lawful)
                FAIL("WEIR_SEED=" << seed << ": retry_at is early");
            latest = std::max(latest, f.at - lawful);
            now = std::max(now, f.at);  // come back then: it must fit
            ++denied;
            while (!inside.empty() && inside.front().first <= now - period) {
                used -= inside.front().second;
                inside.pop_front();
            }
            if (!weir::assess(state, plan, cost, now).admits())
                FAIL("WEIR_SEED=" << seed << ": it does not fit at retry_at");
        }
        max_bytes = std::max(max_bytes, state.log.bytes());
    }
    CHECK(admitted > 1'000);
    CHECK(denied > 100);
    CHECK(latest <= period / 1000);
    CHECK(max_bytes < 128 * 1024);
}

TEST_CASE(
    "coarse windows of a second and of a year on one key are both late by a thousandth at most, in little memory") {
    const std::uint64_t seed = weir_test::seed_for("two coarse windows");
    weir_test::dice dice{seed};
    weir::policy p;
    p.rates = {{70'000, 1s}, {1'000'000'000, 24h * 366}};
    const auto plan = weir::plan_windows(p);
    weir::stamp_log log;
    std::vector<std::pair<instant, std::int64_t>> truth;  // stamps, and units up to and with each
    std::size_t max_bytes = 0;
    duration longest_step{};
    const instant start{1s};
    instant now = start;
    std::int64_t total = 0;
    // Bursts, pauses of up to a day: three weeks in all, some of them within the second that is looked at.
    for (int i = 0; i < 400'000; ++i) {
        now += dice.chance(99)   ? duration{dice.from(0, 2'000'000)}
               : dice.chance(95) ? dice.from(1, 900) * 1s
                                 : dice.from(1, 24) * 1h;
        const std::int64_t units = dice.from(1, 30);
        const duration began = processor_time();
        push(log, now, units, plan.kept);
        longest_step = std::max(longest_step, processor_time() - began);
        total += units;
        truth.emplace_back(now, total);
        max_bytes = std::max(max_bytes, log.bytes());
        if (i % 50 != 0)
            continue;
        for (const weir::window& w : plan.windows) {
            const std::int64_t k = dice.from(0, std::min(total, w.limit) - 1);
            const auto is = std::ranges::lower_bound(truth, total - k, {}, &std::pair<instant, std::int64_t>::second);
            const instant said = log.nth_newest(k);
            if (said < is->first)
                FAIL("WEIR_SEED=" << seed << ": a stamp is early");
            if (said > now - w.period && said - is->first > w.period / 1000)
                FAIL("WEIR_SEED=" << seed << ": a stamp is " << (said - is->first).count() << " ns late");
        }
    }
    std::cout << "coarse windows of a second and a year: " << max_bytes << " bytes, longest step "
              << longest_step.count() << " ns" << std::endl;
    CHECK(max_bytes < 128 * 1024);
    CHECK(longest_step < 1ms * (weir_test::sanitized ? 20 : 1));
}

TEST_CASE("a multiplier keeps the average at N·m per T whatever N is, and never more than N' in T'") {
    const std::uint64_t seed = weir_test::seed_for("scaled windows");
    const int traces = weir_test::cases_or(300);
    for (int trace = 0; trace < traces; ++trace) {
        weir_test::dice dice{seed + static_cast<std::uint64_t>(trace)};
        const std::int64_t limit = dice.from(1, 20);
        const duration period = dice.from(1, 5'000) * 1ms;
        const std::int64_t millionths = dice.from(50'000, 1'000'000);
        weir::policy p;
        p.rates = {{limit, period}};
        const auto plan = weir::plan_windows(p, weir::multiplier::of(static_cast<double>(millionths) / 1e6));
        const auto w = weir_test::naive_scale(limit, period, millionths);
        weir::key_state state;
        instant now{1s};
        std::vector<instant> stamps;
        const instant until = now + 200 * period;
        while (true) {
            const auto f = weir::assess(state, plan, 1, now);
            now = f.at;
            if (now >= until)
                break;
            push(state.log, now, 1, plan.kept);
            stamps.push_back(now);
        }
        bool over = false;
        for (std::size_t i = 0; i + static_cast<std::size_t>(w.limit) < stamps.size(); ++i)
            over = over || stamps[i + static_cast<std::size_t>(w.limit)] - stamps[i] < w.period;
        const double expected = 200.0 * static_cast<double>(limit) * static_cast<double>(millionths) / 1e6;
        const double got = static_cast<double>(stamps.size());
        if (over || got > expected + static_cast<double>(w.limit) || got < expected - static_cast<double>(w.limit))
            FAIL("WEIR_SEED=" << seed << " trace " << trace << ": " << limit << " per " << period.count()
                              << " ns under " << millionths << ": " << got << " admitted where " << expected
                              << " were expected");
    }
    SUCCEED();
}

TEST_CASE("1/SECOND under 0.8 is one in 1.25 s, and a rise of the multiplier hands out no burst") {
    weir::policy p;
    p.rates = {{1, 1s}};
    const auto scaled = weir::plan_windows(p, weir::multiplier::of(0.8));
    REQUIRE(scaled.windows.size() == 1);
    CHECK(scaled.windows[0].limit == 1);
    CHECK(scaled.windows[0].period == 1250ms);

    p.rates = {{100, 1h}};
    weir::key_state state;
    const instant start{1s};
    const auto low = weir::plan_windows(p, weir::multiplier::of(0.3));
    for (int i = 0; i < 30; ++i) {
        REQUIRE(weir::assess(state, low, 1, start).admits());
        push(state.log, start, 1, low.kept);
    }
    CHECK_FALSE(weir::assess(state, low, 1, start).admits());
    const auto full = weir::plan_windows(p);
    int more = 0;
    for (; weir::assess(state, full, 1, start).admits(); ++more)
        push(state.log, start, 1, full.kept);
    CHECK(more == 70);
}
