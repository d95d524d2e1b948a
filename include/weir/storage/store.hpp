// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir {

/// Where an entry is known.
enum class entry_home : std::uint8_t {
    store,
    alone,  ///< in this process's own log, for the store could not be reached
    lease,  ///< in a lease: what the store knows is the lease
};

/// One admitted request, as its permit remembers it and the store settles it.
struct entry {
    std::int64_t cost = 0;
    instant stamp = long_ago;  ///< of its admission while open, then of its answer
    entry_state state = entry_state::free;
    bool in_flight = false;  ///< whether it holds an in-flight place
    entry_home home = entry_home::store;
    std::uint64_t id = 0;  ///< how a shared store finds it again; 0 = none
    duration grace{};      ///< for `settlement::abandoned`: how long after its end the request may still arrive
};

/// What became of an entry.
enum class settlement : std::uint8_t {
    answered,  ///< its response headers arrived: it is stamped, and keeps its in-flight place
    released,  ///< its body is done: its place ends; if it was still open, this is its answer
    refunded,  ///< it never left the machine: it is as if it had not been
    abandoned,  ///< it ended without an answer and may still arrive: it stays open until `entry::grace` after its end
};

/// What a store elsewhere does when it has lost what it was told.
enum class lost_history : std::uint8_t {
    warm_up,  ///< deny every key, with cause `window`, until its shortest window has passed
    ignore,   ///< go on as if nothing had been admitted before
};

/// Who tells a shared store the time.
enum class store_time : std::uint8_t {
    own,       ///< a clock of the store
    injected,  ///< the instants that verbs are given are the time, and no clock is read: for replays and tests
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
/// An in-flight place that is always free.
struct free_place {
    [[nodiscard]] static bool take() noexcept { return true; }
    static void give_back() noexcept {}
};
}  // namespace detail

/// Where the logs live. Each verb is one atomic step on one key: it sees the old state and stores the new one, or
/// nothing changed.
///
/// A store whose slots are state in this process (`is_local`) relies on the key's lock; `now` is then read inside it.
/// Any other may block in each verb but `make_slot`, `factor` and `idle`, and throws `store_error` when it fails. No
/// two verbs are called at once on one slot, except that `settle` and `reduce` may run beside anything. Instants are
/// this process's; the store decides by its own clock, and says in ours when to come back.
template <class S>
concept store = requires(S& store, typename S::slot& slot, const typename S::slot& seen, const window_plan& plan,
                         entry& e, std::int64_t cost, instant now, settlement how, multiplier m, tuner_step step,
                         std::string_view name, detail::free_place place) {
    // The limiter must know whether its own lock already makes a verb atomic.
    { S::is_local } -> std::convertible_to<bool>;
    // The store's own clock stamps everything, so that one timeline orders all who share the store.
    { store.now() } noexcept -> std::same_as<instant>;
    // What time it is once a verb that began at `now` has returned: a round trip takes time.
    { store.after(now) } noexcept -> std::same_as<instant>;
    // A key's state, or what this process keeps of one whose state is elsewhere.
    { store.make_slot(name, name) } -> std::same_as<typename S::slot>;
    // Decides and enters in one step. `place.take()` is asked for the place in flight and its refusal leaves
    // everything as it was: by a local store once all else allows it, by a shared one before its round trip, which
    // then gives the place back if the request is denied. Under a plan that is not enforced everything is entered,
    // and the forecast says what stood in the way.
    { store.admit(slot, plan, cost, now, place, e) } -> std::same_as<forecast>;
    // The same for units that nobody answers for: they count from `now` and hold no place.
    { store.count(slot, plan, cost, now) } -> std::same_as<forecast>;
    // Stamps, ends or takes back an entry; repeating a settlement changes nothing.
    store.settle(slot, plan, e, how, now);
    // Lowers an entry whose request has not ended to `cost`, at least 1: its other units never left the machine.
    store.reduce(slot, plan, e, cost, now);
    // Moves the gate, forward only; says whether it moved.
    { store.hold(slot, now) } -> std::same_as<bool>;
    // Sets the tuner's factor.
    store.tune(slot, m);
    // Replaces what the tuner keeps by what `step` makes of it, and gives the new. A store elsewhere may ask `step`
    // again, if somebody else was faster.
    { store.learn(slot, step) } -> std::same_as<tuner_state>;
    { store.factor(seen) } -> std::same_as<multiplier>;
    { store.read(slot, plan, now) } -> std::same_as<reading>;
    // Forgets history, gate and what the tuner keeps; open entries are real requests and stay.
    store.erase(slot);
    // Whether forgetting the slot would change no decision.
    { store.idle(seen, plan, now) } -> std::same_as<bool>;
    // What a local store knows costs nothing to ask: the queue's forecasts are then made of it, with the waiters in
    // front as part of the sequence.
    requires !S::is_local || requires {
        { store.foresee(seen, plan, cost, now, nobody_ahead{}) } -> std::same_as<forecast>;
    };
};

}  // namespace weir
