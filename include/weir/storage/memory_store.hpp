// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/fast_clock.hpp"
#include "weir/storage/store.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/clock.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace weir {

/// Keeps every key's state in this process, on a steady clock (by default `fast_clock`, on `steady_clock`'s timeline).
///
/// **Thread safety.** The key's lock guards its slot; the store itself is immutable. **Complexity.** O(windows) a verb.
/// **Lifetime.** After `fork()` parent and child are two independent limiters: start the limiter after the fork.
template <clock_source Clock = fast_clock>
class memory_store {
public:
    using slot = key_state;
    using clock_type = Clock;
    static constexpr bool is_local = true;

    memory_store() = default;
    explicit memory_store(Clock clock) : clock_(std::move(clock)) {}

    /// Read without a fence: it is 0.1 us early at most, and `begin_step` moves it to the key's newest stamp if it is
    /// earlier.
    [[nodiscard, gnu::always_inline]] instant now() const noexcept {
        if constexpr (requires { clock_.now_unfenced(); })
            return clock_.now_unfenced();
        else
            return clock_.now();
    }
    [[nodiscard]] static instant after(instant now) noexcept { return now; }
    [[nodiscard]] const Clock& clock() const noexcept { return clock_; }

    [[nodiscard]] slot make_slot(std::string_view, std::string_view) const { return {}; }

    /// Admits `cost` units if gate, windows, ceiling and `inflight` all allow it, and records them. Cost 0 is not
    /// counted. Under a plan that is not enforced the units are recorded in any case.
    template <class Inflight>
    [[nodiscard, gnu::always_inline]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                                       Inflight&& inflight, entry& out) {
        now = begin_step(s, plan, now);
        assessment f = assess(s, plan, cost, now);
        if (!f.admits()) {
            if (!plan.enforce)
                f.passed = pass(s, plan, cost, now, out);
            return f;
        }
        if (cost == 0) {
            out = {0, now, entry_state::free};
            return f;
        }
        make_room(s, plan, cost, now);
        if (!inflight.take()) {
            f.cause = cause::inflight;
            if (!plan.enforce)
                f.passed = pass(s, plan, cost, now, out);
            return f;
        }
        enter(s, plan, cost, now, out);
        return f;
    }

    /// `admit` for callers that hold no permit: the units count from now, and no in-flight slot is taken.
    [[nodiscard, gnu::always_inline]] assessment count(slot& s, const window_plan& plan, std::int64_t cost,
                                                       instant now) {
        s.log.fetch();
        now = begin_step(s, plan, now);
        assessment f = assess(s, plan, cost, now);
        if (!f.admits()) {
            if (plan.enforce)
                return f;
            f.passed = true;
        }
        if (cost > 0) {
            make_room(s, plan, cost, now);
            s.log.push(now, cost, plan.kept);
        }
        return f;
    }

    template <class Ahead>
    [[nodiscard]] assessment assess_behind(const slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                           const Ahead& ahead) const {
        now = std::max(now, s.log.newest());
        if (s.has_abandoned()) [[unlikely]]
            return assess(state_at{s, now}, plan, cost, now, ahead);
        return assess(s, plan, cost, now, ahead);
    }

    [[gnu::always_inline]] void settle(slot& s, const window_plan& plan, entry& e, settlement how,
                                       instant now) noexcept {
        now = begin_step(s, plan, now);
        if (e.state == entry_state::open)
            settle_open(s, plan, e, how, now);
        else if (how == settlement::refunded && e.state == entry_state::stamped)
            s.log.remove(e.stamp, e.cost);
        if (how == settlement::answered)
            return;
        if (e.in_flight)
            --s.in_flight;
        assert(s.open >= 0 && s.in_flight >= 0);
        e = {};
    }

    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) noexcept {
        begin_step(s, plan, now);
        const std::int64_t unused = std::exchange(e.cost, cost) - cost;
        assert(cost > 0 && unused >= 0);
        if (e.state == entry_state::open)
            s.open -= unused;
        else if (e.state == entry_state::stamped)
            s.log.remove(e.stamp, unused);
    }

    [[nodiscard]] bool hold(slot& s, instant until) noexcept {
        if (until <= s.gate)
            return false;
        s.gate = until;
        return true;
    }

    void open_gate(slot& s) noexcept { s.gate = long_ago; }

    void tune(slot& s, multiplier m) noexcept { s.factor = m; }
    [[nodiscard]] multiplier factor(const slot& s) const { return s.factor; }

    tuner_state learn(slot& s, tuner_step step) {
        tuner_state before = s.tuned != nullptr ? *s.tuned : tuner_state{};
        before.factor = s.factor;
        const tuner_state after = step(before);
        if (s.tuned == nullptr)
            s.tuned = std::make_unique<tuner_state>(after);
        else
            *s.tuned = after;
        s.factor = after.factor;
        return after;
    }

    [[nodiscard]] key_snapshot read(const slot& s, const window_plan& plan, instant now) const {
        now = std::max(now, s.log.newest());
        const state_at k{s, now};
        key_snapshot out{{}, k.open, k.in_flight, k.gate, s.factor, k.log.newest(), s.log.bytes()};
        out.windows.reserve(plan.windows.size());
        for (std::size_t i = 0; i < plan.windows.size(); ++i) {
            const window& w = plan.windows[i];
            const instant from = std::max(now - w.period, w.since - duration{1});
            out.windows.push_back({plan.shown[i], w.limit, w.period, k.open + k.log.newer_than(from)});
        }
        return out;
    }

    void erase(slot& s) noexcept {
        s.log.clear();
        if (s.open == 0)
            s.log = {};
        s.gate = long_ago;
        s.factor = {};
        s.tuned = nullptr;
    }

    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        const bool has_learned = s.tuned != nullptr ? s.tuned->recovered > now : !s.factor.is_one();
        // An abandoned request stays open until its end, and perhaps no verb has looked at it since then.
        return s.open == s.abandoned.units() && s.in_flight == 0 && s.gate <= now && !has_learned &&
               std::max(s.log.newest(), s.abandoned.last_end()) + plan.kept.longest <= now;
    }

private:
    [[gnu::always_inline]] static void enter(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                             entry& out) noexcept {
        // Member by member: copying a complete entry would stall on its one-byte members.
        out.cost = cost;
        out.stamp = now;
        out.state = record(s, plan, cost, now, plan.from_response);
        out.in_flight = true;
        ++s.in_flight;
    }

    [[gnu::always_inline]] static void settle_open(slot& s, const window_plan& plan, entry& e, settlement how,
                                                   instant now) noexcept {
        if (how == settlement::abandoned && e.grace > duration::zero()) [[unlikely]]
            return s.abandoned.add(saturating_add(now, e.grace), e.cost);
        s.open -= e.cost;
        if (how == settlement::refunded)
            return;
        s.log.push(now, e.cost, plan.kept);
        e.stamp = now;
        e.state = entry_state::stamped;
    }

    /// Records what was really sent, even if it is more than a window allows. Returns true. The assessment stays with
    /// the caller, in registers: if its address were known here, every grant would write it to memory.
    [[gnu::noinline, gnu::cold]] static bool pass(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                                  entry& out) {
        if (cost == 0) {
            out = {0, now, entry_state::free, false};
            return true;
        }
        make_room(s, plan, cost, now);
        enter(s, plan, cost, now, out);
        return true;
    }

    Clock clock_;
};

static_assert(counting_store<memory_store<>> && reducible_store<memory_store<>> && tunable_store<memory_store<>> &&
              openable_store<memory_store<>>);

}  // namespace weir
