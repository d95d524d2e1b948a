// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/// Where an entry is known.
enum class entry_home : std::uint8_t {
    store,
    local,  ///< in this process's own log, for the store could not be reached
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
    /// It ended without an answer and may still arrive: its place ends, and it stays open until `entry::grace` after
    /// its end, whose instant is then its stamp. Nothing settles it again. An entry that is stamped is released.
    abandoned,
};

/// How full one window is.
struct window_usage {
    rate shown;          ///< the rate as configured
    std::int64_t limit;  ///< units the window may hold now: ⌈N·m⌉
    duration period;     ///< over this length
    std::int64_t used;   ///< open entries and stamps inside it
};

/// A key's state at one instant.
struct key_snapshot {
    std::vector<window_usage> windows;
    std::int64_t open = 0;  ///< units that have no stamp yet, abandoned ones among them
    std::int64_t in_flight = 0;
    instant gate = long_ago;
    multiplier factor;
    instant newest = long_ago;  ///< the latest stamp
    std::size_t bytes = 0;      ///< heap bytes the log takes in this process
};

/// What a store elsewhere does when it has lost what it was told.
enum class lost_history : std::uint8_t {
    warm_up,  ///< deny every key, with cause `window`, until its shortest window has passed
    ignore,   ///< go on as if nothing had been admitted before
};

/// Whose clock a shared store goes by.
enum class store_time : std::uint8_t {
    own,       ///< a clock of the store
    injected,  ///< the instants that verbs are given are the time, and no clock is read: for replays and tests
};

}  // namespace weir
