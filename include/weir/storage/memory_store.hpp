// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/fast_clock.hpp"
#include "weir/storage/store.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/clock.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <string_view>
#include <utility>

namespace weir {

/// Keeps every key's state in this process, on a steady clock (by default `fast_clock`, on `steady_clock`'s timeline).
///
/// **Thread safety.** A slot is guarded by its key's lock; the store itself is immutable. **Complexity.** O(windows) a
/// verb.
/// **Lifetime.** After `fork()` parent and child are two independent limiters: start the limiter after the fork.
template <clock_source Clock = fast_clock>
class memory_store {
public:
    using slot = key_state;
    using clock_type = Clock;
    static constexpr bool is_local = true;

    memory_store() = default;
    explicit memory_store(Clock clock) : clock_(std::move(clock)) {}

    /// Read without a fence: it is 0.1 us early at most, and `forward` holds it to the key's newest stamp.
    [[nodiscard]] instant now() const noexcept {
        if constexpr (requires { clock_.now_unfenced(); })
            return clock_.now_unfenced();
        else
            return clock_.now();
    }
    [[nodiscard]] static instant after(instant now) noexcept { return now; }
    [[nodiscard]] const Clock& clock() const noexcept { return clock_; }

    [[nodiscard]] slot make_slot(std::string_view, std::string_view) const { return {}; }

    /// Admits `cost` units if gate, windows, ceiling and `place` all allow it, and enters them. Cost 0 is not counted.
    /// A plan that is not enforced has them entered in any case.
    template <class Place>
    [[nodiscard, gnu::always_inline]] forecast admit(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                                     Place&& place, entry& out) {
        now = forward(s, now);
        forecast f = assess(s, plan, cost, now);
        if (!f.admits())
            return plan.enforce ? f : pass(s, plan, cost, now, f, out);
        if (cost == 0) {
            out = {0, now, entry_state::free};
            return f;
        }
        if (!place.take()) {
            f.why = cause::inflight;
            return plan.enforce ? f : pass(s, plan, cost, now, f, out);
        }
        enter(s, plan, cost, now, out);
        return f;
    }

    /// `admit` for callers that hold no permit: the units count from now, and no in-flight place is taken.
    [[nodiscard, gnu::always_inline]] forecast count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        now = forward(s, now);
        forecast f = assess(s, plan, cost, now);
        if (!f.admits()) {
            if (plan.enforce)
                return f;
            f.passed = true;
        }
        if (cost > 0)
            s.log.push(now, cost, plan.kept);
        return f;
    }

    template <class Ahead>
    [[nodiscard]] forecast foresee(const slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                   const Ahead& ahead) const {
        return assess(s, plan, cost, forward(s, now), ahead);
    }

    [[gnu::always_inline]] void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        now = forward(s, now);
        if (how == settlement::refunded) {
            if (e.state == entry_state::open)
                s.open -= e.cost;
            else if (e.state == entry_state::stamped)
                s.log.remove(e.stamp, e.cost);
        } else if (e.state == entry_state::open) {
            s.open -= e.cost;
            s.log.push(now, e.cost, plan.kept);
            e.stamp = now;
            e.state = entry_state::stamped;
        }
        if (how == settlement::answered)
            return;
        if (e.in_flight)
            --s.in_flight;
        assert(s.open >= 0 && s.in_flight >= 0);
        e = {};
    }

    void reduce(slot& s, const window_plan&, entry& e, std::int64_t cost, instant) {
        const std::int64_t unused = std::exchange(e.cost, cost) - cost;
        assert(cost > 0 && unused >= 0);
        if (e.state == entry_state::open)
            s.open -= unused;
        else if (e.state == entry_state::stamped)
            s.log.remove(e.stamp, unused);
    }

    [[nodiscard]] bool hold(slot& s, instant until) {
        if (until <= s.gate)
            return false;
        s.gate = until;
        return true;
    }

    void tune(slot& s, multiplier m) { s.factor = m; }
    [[nodiscard]] multiplier factor(const slot& s) const { return s.factor; }

    tuner_state learn(slot& s, tuner_step step) {
        if (s.tuned == nullptr)
            s.tuned = std::make_unique<tuner_state>();
        s.tuned->factor = s.factor;
        *s.tuned = step(*s.tuned);
        s.factor = s.tuned->factor;
        return *s.tuned;
    }

    [[nodiscard]] reading read(const slot& s, const window_plan& plan, instant now) const {
        now = forward(s, now);
        reading out{{}, s.open, s.in_flight, s.gate, s.factor, s.log.newest(), s.log.bytes()};
        out.windows.reserve(plan.windows.size());
        for (std::size_t i = 0; i < plan.windows.size(); ++i) {
            const window& w = plan.windows[i];
            out.windows.push_back({plan.shown[i], w.limit, w.period, s.open + s.log.newer_than(now - w.period)});
        }
        return out;
    }

    void erase(slot& s) {
        s.log = {};
        s.gate = long_ago;
        s.factor = {};
        s.tuned.reset();
    }

    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        const bool is_tuned = s.tuned == nullptr ? !s.factor.is_one() : s.tuned->recovered > now;
        return s.open == 0 && s.in_flight == 0 && s.gate <= now && !is_tuned &&
               s.log.newest() + plan.kept.longest <= now;
    }

private:
    [[gnu::always_inline]] static void enter(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                             entry& out) {
        // Member by member: an entry built elsewhere and copied here would stall on its one-byte members.
        out.cost = cost;
        out.stamp = now;
        out.state = record(s, plan, cost, now, plan.from_response);
        out.in_flight = true;
        ++s.in_flight;
    }

    /// The log holds what was really sent, though it is more than a window allows.
    [[gnu::noinline, gnu::cold]] static forecast pass(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                                      forecast f, entry& out) {
        f.passed = true;
        if (cost == 0)
            out = {0, now, entry_state::free, false};
        else
            enter(s, plan, cost, now, out);
        return f;
    }

    /// A clock that stepped back, or an instant the caller chose, never undoes the order of the stamps.
    [[nodiscard]] static instant forward(const slot& s, instant now) noexcept { return std::max(now, s.log.newest()); }

    Clock clock_;
};

static_assert(store<memory_store<>>);

}  // namespace weir
