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

/// Everything a key remembers. A store keeps one for each key. The members that each decision reads come first.
struct key_state {
    std::int64_t open = 0;         ///< units admitted and not yet stamped: each counts in every window
    instant gate = long_ago;       ///< nothing is admitted before it; it only moves forward
    abandoned_requests abandoned;  ///< the open units that will get no answer
    std::int32_t in_flight = 0;    ///< admitted requests whose body has not ended
    multiplier factor;
    stamp_log log;
    std::unique_ptr<tuner_state> tuned;  ///< what the tuner keeps beside the factor; null until it records something

    [[nodiscard]] bool has_abandoned() const noexcept { return !abandoned.empty(); }
    /// Stamps the abandoned requests whose time is over.
    [[gnu::noinline]] void stamp_abandoned(const window_plan& plan, instant now) noexcept {
        abandoned.take_until(now, [&](const abandoned_requests::item& gone) {
            open -= gone.units;
            log.push(std::max(gone.end, log.newest()), gone.units, plan.kept);
        });
    }
};

/// The time of a step at `now`. It is not before the newest stamp, because a clock may step back. Abandoned requests
/// whose time is over by then are stamped.
[[gnu::always_inline]] inline instant begin_step(key_state& state, const window_plan& plan, instant now) noexcept {
    now = std::max(now, state.log.newest());
    if (state.has_abandoned()) [[unlikely]]
        state.stamp_abandoned(plan, now);
    return now;
}

/// A key as it would be after `begin_step` at `now`, for callers that may not change it.
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

    /// The log, with the abandoned requests that are over by then in front.
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
    instant at;  ///< admissible now if `at` is not later than the time of the assessment and `cause` is none
    weir::cause cause = weir::cause::none;
    std::uint32_t window = 0;      ///< index into the plan, for `cause::window` and `cause::never`
    bool beyond_max_hold = false;  ///< the gate is farther away than `max_hold`: the request does not wait for it
    bool passed = false;           ///< admitted in spite of `cause`, because the plan is not enforced
    bool moves = false;            ///< an open entry fills a window: `at` moves on until its answer
    bool is_new = false;           ///< a shared store had nothing of the key before this request

    [[nodiscard]] constexpr bool admits() const noexcept { return cause == weir::cause::none || passed; }
};

/// No waiter is ahead: for requests that are decided at once.
struct none_ahead {
    [[nodiscard]] static constexpr std::int64_t units() noexcept { return 0; }
    [[nodiscard]] static constexpr instant nth_newest(std::int64_t) noexcept { return long_ago; }
};

namespace detail {
/// A cost that can never be admitted: it is above a limit of the policy itself.
[[nodiscard, gnu::noinline, gnu::cold]] inline assessment never(const window_plan& plan, std::int64_t cost) noexcept {
    const auto exceeded = std::ranges::find_if(plan.shown, [cost](const rate& r) { return r.limit < cost; });
    return {far_future, cause::never, static_cast<std::uint32_t>(exceeded - plan.shown.begin())};
}
}  // namespace detail

/// When `cost` units can be admitted at best: the gate, the windows and the key's own ceiling together. `cost` is 0 for
/// a request that is not counted.
///
/// The history, the open entries and the waiters ahead are one sequence of units, newest last. Window (N, T) admits c
/// units once the unit max(0, N − c) places back is T old. A request that costs more than N is admitted when the window
/// is empty. An open entry is answered now at best. A waiter is admitted at best when its own assessment says. `Ahead`
/// has `units()` and `nth_newest(k)`: the assessment of the k-th newest unit ahead, where 0 is the last unit in the
/// queue.
///
/// `State` is `key_state`, or what a shared store keeps of a key: its `log` may fetch entries when they are read.
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
        return detail::never(plan, cost);
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
            if (const instant free = blocker + w.period; free > at && blocker >= w.since) {
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
        // Even if another cause ends later, the request is refused because of `max_hold`.
        why = cause::gate;
        is_beyond = true;
    }
    return {at, why, index, is_beyond, false, moves};
}

/// What is admitted for a key whose history was lost at `lost`: no counted request until its shortest window has
/// passed.
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

/// The state of the entry of one admitted request.
enum class entry_state : std::uint8_t {
    free,     ///< not counted: an uncounted HEAD
    open,     ///< counts until it is answered, and for T after that
    stamped,  ///< counts for T after its stamp
};

/// Makes room for one more request of `cost` units. Then neither `record` nor the end of the request allocates.
///
/// **Errors.** `std::bad_alloc`; every answer stays the same then.
[[gnu::always_inline]] inline void make_room(key_state& state, const window_plan& plan, std::int64_t cost,
                                             instant now) {
    state.log.reserve(state.open + cost, now, plan.kept);
}

/// Records an admitted request in the key's state. **Preconditions.** `make_room` was called for it.
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
