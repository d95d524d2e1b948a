// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/abandoned.hpp"
#include "weir/algorithm/stamp_log.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace weir {

/// Everything a key remembers. A store keeps one for each key. What each decision reads comes first.
struct key_state {
    std::int64_t open = 0;         ///< units admitted and not yet stamped: each counts in every window
    instant gate = long_ago;       ///< nothing is admitted before it; it only moves forward
    abandoned_requests abandoned;  ///< of the open units, those that nobody will answer for
    std::int32_t in_flight = 0;    ///< requests admitted whose body is not done
    multiplier factor;
    stamp_log log;
    std::unique_ptr<tuner_state> tuned;  ///< what the tuner keeps beside the factor; null until it learns something

    [[nodiscard]] bool has_abandoned() const noexcept { return !abandoned.empty(); }
    /// Stamps the abandoned requests whose time is over.
    [[gnu::noinline]] void stamp_abandoned(const window_plan& plan, instant now) noexcept {
        abandoned.take_until(now, [&](const abandoned_requests::item& gone) {
            open -= gone.units;
            log.push(std::max(gone.end, log.newest()), gone.units, plan.kept);
        });
    }
};

/// The time of a step at `now`: not before the newest stamp, for a clock may step back. Abandoned requests whose time
/// is over by then are stamped.
[[gnu::always_inline]] inline instant begin_step(key_state& state, const window_plan& plan, instant now) noexcept {
    now = std::max(now, state.log.newest());
    if (state.has_abandoned()) [[unlikely]]
        state.stamp_abandoned(plan, now);
    return now;
}

/// A key as it would be after `begin_step` at `now`, for those who may not change it.
class state_at {
public:
    state_at(const key_state& state, instant now) noexcept
        : open(state.open), in_flight(state.in_flight), gate(state.gate), log{state, now} {
        for (const auto& gone : log.over())
            open -= gone.units;
    }

    std::int64_t open;
    std::int64_t in_flight;
    instant gate;

    /// The log with the requests that are over by then in front.
    struct history {
        const key_state& state;
        instant now;

        [[nodiscard]] std::span<const abandoned_requests::item> over() const noexcept {
            if (!state.has_abandoned())
                return {};
            const auto all = state.abandoned.items();
            const auto first = std::ranges::find_if(all, [&](const auto& i) { return i.end <= now; });
            return {first, all.end()};
        }
        [[nodiscard]] instant nth_newest(std::int64_t k, instant settled = long_ago) const noexcept {
            for (const auto& gone : over()) {
                if (k < gone.units)
                    return std::max(gone.end, state.log.newest());
                k -= gone.units;
            }
            return state.log.nth_newest(k, settled);
        }
        [[nodiscard]] std::int64_t newer_than(instant at) const noexcept {
            std::int64_t sum = state.log.newer_than(at);
            for (const auto& gone : over())
                sum += std::max(gone.end, state.log.newest()) > at ? gone.units : 0;
            return sum;
        }
        [[nodiscard]] instant newest() const noexcept {
            return over().empty() ? state.log.newest() : std::max(over().front().end, state.log.newest());
        }
    } log;
};

/// When a request could be admitted at best, and what stands in the way until then.
struct assessment {
    instant at;  ///< admissible now iff `at` is not later than the instant it was made for and `cause` is none
    weir::cause cause = weir::cause::none;
    std::uint32_t window = 0;      ///< index into the plan, for `cause::window` and `cause::never`
    bool beyond_max_hold = false;  ///< the gate is farther away than `max_hold`: the request does not wait for it
    bool passed = false;           ///< entered in spite of `cause`, because the plan is not enforced
    bool moves = false;            ///< an open entry stands in the way of a window: `at` moves on until it is answered

    [[nodiscard]] constexpr bool admits() const noexcept { return cause == weir::cause::none || passed; }
};

/// No waiter stands ahead: for requests that are decided at once.
struct none_ahead {
    [[nodiscard]] static constexpr std::int64_t units() noexcept { return 0; }
    [[nodiscard]] static constexpr instant nth_newest(std::int64_t) noexcept { return long_ago; }
};

namespace detail {
/// The limit that a cost is above, of those that the policy itself writes: no waiting helps.
[[nodiscard, gnu::noinline, gnu::cold]] inline std::uint32_t exceeded_limit(const window_plan& plan,
                                                                            std::int64_t cost) noexcept {
    const auto exceeded = std::ranges::find_if(plan.shown, [cost](const rate& r) { return r.limit < cost; });
    return static_cast<std::uint32_t>(exceeded - plan.shown.begin());
}
}  // namespace detail

/// When could `cost` units be admitted at best, seen from `now`: gate, windows and the key's own ceiling together.
/// Costs 0 where it does not count.
///
/// History, open entries and the waiters ahead are one sequence of units, newest last. Window (N, T) admits c units
/// once the unit max(0, N − c) places back is T old: more units than it holds go into it when it is empty. An open
/// entry is at best answered now; a waiter is at best admitted when its own forecast says. `Ahead` has `units()` and
/// `nth_newest(k)`, the forecast of the k-th newest unit ahead, 0 being the last in the queue.
///
/// `State` is `key_state`, or what a shared store keeps of a key: its `log` may fetch what it is asked for.
///
/// **Complexity.** O(windows), and O(log cells) where a window reaches into the tail.
template <class State, class Ahead = none_ahead>
[[nodiscard, gnu::always_inline]] inline assessment
assess(const State& state, const window_plan& plan, std::int64_t cost, instant now,
       const Ahead& ahead = {}) noexcept(noexcept(state.log.nth_newest(0, now))) {
    // The answer is put together at the end: a struct that is written member by member and then copied makes the
    // processor wait for its own stores.
    instant at = now;
    cause why = cause::none;
    std::uint32_t index = 0;
    bool moves = false;
    bool is_beyond = false;
    if (cost > plan.max_cost) [[unlikely]]
        return {far_future, cause::never, detail::exceeded_limit(plan, cost)};
    if (cost > 0) {
        const std::int64_t waiting = ahead.units();
        const std::int64_t unstamped = waiting + state.open;
        std::uint32_t i = 0;
        for (const window& w : plan.windows) {
            const std::int64_t back = std::max<std::int64_t>(w.limit - cost, 0);
            const instant blocker = back >= unstamped ? state.log.nth_newest(back - unstamped, now - w.period)
                                    : back >= waiting ? now
                                                      : ahead.nth_newest(back);
            moves |= back < unstamped;
            if (const instant free = blocker + w.period; free > at) {
                at = free;
                why = cause::window;
                index = i;
            }
            ++i;
        }
        if (why == cause::none && plan.max_concurrent > 0 && state.in_flight >= plan.max_concurrent) [[unlikely]]
            why = cause::concurrency;
    }
    if (state.gate > at) [[unlikely]] {
        at = state.gate;
        why = cause::gate;
        index = 0;
    }
    if (why != cause::none && plan.max_hold < forever && state.gate > saturating_add(now, plan.max_hold)) [[unlikely]] {
        // Whatever else comes later: it is the hold that nobody waits for.
        why = cause::gate;
        is_beyond = true;
    }
    return {at, why, index, is_beyond, false, moves};
}

/// What a key may do whose history was lost at `lost`: nothing that counts, until its shortest window has passed.
[[nodiscard]] inline assessment warm_up(const window_plan& plan, std::int64_t cost, instant lost,
                                        instant now) noexcept {
    if (cost == 0 || plan.windows.empty())
        return {now, cause::none, 0};
    const auto shortest = std::ranges::min_element(plan.windows, {}, &window::period);
    const instant until = saturating_add(lost, shortest->period);
    if (until <= now)
        return {now, cause::none, 0};
    return {until, cause::window, static_cast<std::uint32_t>(shortest - plan.windows.begin())};
}

/// The entry of one admitted request.
enum class entry_state : std::uint8_t {
    free,     ///< not counted: an uncounted HEAD
    open,     ///< counts until it is answered, and T longer
    stamped,  ///< counts for T after its stamp
};

/// Makes room for one more request of `cost` units, so that neither `record` nor its end needs memory.
///
/// **Errors.** `std::bad_alloc`; every answer is what it was then.
[[gnu::always_inline]] inline void make_room(key_state& state, const window_plan& plan, std::int64_t cost,
                                             instant now) {
    state.log.reserve(state.open + cost, now, plan.kept);
}

/// Enters an admitted request into the key's state, for which `make_room` was called.
[[gnu::always_inline]] inline entry_state record(key_state& state, const window_plan& plan, std::int64_t cost,
                                                 instant now, bool from_response) noexcept {
    if (from_response) {
        state.open += cost;
        return entry_state::open;
    }
    state.log.push(now, cost, plan.kept);
    return entry_state::stamped;
}

}  // namespace weir
