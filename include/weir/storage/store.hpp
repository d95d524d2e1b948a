// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <concepts>
#include <cstdint>
#include <vector>

namespace weir {

/// One admitted request, as its permit remembers it and the store settles it.
struct entry {
    std::int64_t cost = 0;
    instant stamp = long_ago;  ///< of its admission while open, then of its answer
    entry_state state = entry_state::free;
    bool in_flight = false;  ///< whether it holds an in-flight place
};

/// What became of an entry.
enum class settlement : std::uint8_t {
    answered,  ///< its response headers arrived: it is stamped, and keeps its in-flight place
    released,  ///< its body is done: its place ends; if it was still open, this is its answer
    refunded,  ///< it never left the machine: it is as if it had not been
};

/// How full one window is.
struct window_fill {
    rate shown;          ///< the rate as configured
    std::int64_t limit;  ///< units the window may hold now: ⌈N·m⌉
    duration period;     ///< over this length
    std::int64_t used;   ///< open entries and stamps inside it
};

/// A key's state at one instant.
struct reading {
    std::vector<window_fill> windows;
    std::int64_t open = 0;
    std::int64_t in_flight = 0;
    instant gate = long_ago;
    multiplier factor;
    instant newest = long_ago;  ///< the latest stamp
    std::size_t bytes = 0;      ///< heap bytes the log takes in this process
};

namespace detail {
/// An always-free in-flight place: stands in for the callable `admit` is given.
struct free_place {
    bool operator()() const noexcept { return true; }
};
}  // namespace detail

/// Where the logs live. Each verb is one atomic step on one key: it sees the old state and stores the new one, or
/// nothing changed.
///
/// A store whose slots are state in this process (`is_local`) relies on the key's lock; `now` is then read inside it.
template <class S>
concept store =
    requires(S& store, typename S::slot& slot, const typename S::slot& seen, const window_plan& plan, entry& e,
             std::int64_t cost, instant now, settlement how, multiplier m, detail::free_place place) {
        // The limiter must know whether its own lock already makes a verb atomic.
        { S::is_local } -> std::convertible_to<bool>;
        // The store's own clock stamps everything, so that one timeline orders all who share the store.
        { store.now() } noexcept -> std::same_as<instant>;
        // Decides and enters in one step; `place` is called once all else allows it, and its refusal leaves everything
        // as it was. Under a plan that is not enforced everything is entered, and the forecast says what stood in the
        // way.
        { store.admit(slot, plan, cost, now, place, e) } -> std::same_as<forecast>;
        // The same for units that nobody answers for: they count from `now` and hold no place.
        { store.count(slot, plan, cost, now) } -> std::same_as<forecast>;
        // Looks ahead without changing anything, with the waiters in front as part of the sequence.
        { store.foresee(seen, plan, cost, now, nobody_ahead{}) } -> std::same_as<forecast>;
        // Stamps, ends or takes back an entry; repeating a settlement changes nothing.
        store.settle(slot, plan, e, how, now);
        // Moves the gate, forward only; says whether it moved.
        { store.hold(slot, now) } -> std::same_as<bool>;
        // Sets the tuner's factor.
        store.tune(slot, m);
        { store.factor(seen) } -> std::same_as<multiplier>;
        { store.read(seen, plan, now) } -> std::same_as<reading>;
        // Forgets history, gate and multiplier; open entries are real requests and stay.
        store.erase(slot);
        // Whether forgetting the key would change no decision.
        { store.idle(seen, plan, now) } -> std::same_as<bool>;
    };

}  // namespace weir
