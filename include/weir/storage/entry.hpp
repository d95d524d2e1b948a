// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {

/// Where an entry is recorded.
enum class entry_home : std::uint8_t {
    store,
    local,  ///< in this process's own log, because the store could not be reached
    lease,  ///< in a lease: the store knows only the lease
};

/// One admitted request, as its permit keeps it and the store settles it.
struct entry {
    std::int64_t cost = 0;
    instant stamp = long_ago;  ///< of its admission while open, then of its answer
    entry_state state = entry_state::free;
    bool in_flight = false;  ///< whether it has an in-flight slot
    entry_home home = entry_home::store;
    std::uint64_t id = 0;  ///< how a shared store finds it; 0 = none
    duration grace{};      ///< for `settlement::abandoned`: how long after its end it may still reach the server
};

/// What became of an entry.
enum class settlement : std::uint8_t {
    answered,  ///< its response headers arrived: it is stamped, and keeps its in-flight slot
    released,  ///< the body has ended: its slot is free; if the entry was still open, this is its answer
    refunded,  ///< it never left the machine: it is removed as if it had never existed
    /// The request ended without an answer and may still reach the server. Its slot is free. The entry stays open until
    /// `entry::grace` after its end, and is then stamped with that instant. It is not settled again. If the entry is
    /// already stamped, it is released.
    abandoned,
};

/// Does to the permit's entry what `how` did to the store's: the first answer stamps it with `now`, and any end empties
/// it. Returns whether it gives back an in-flight slot.
[[nodiscard]] inline bool settle_entry(entry& e, settlement how, instant now) noexcept {
    if (how != settlement::answered)
        return std::exchange(e, {}).in_flight;
    if (e.state == entry_state::open) {
        e.stamp = now;
        e.state = entry_state::stamped;
    }
    return false;
}

/// How much of one window is used.
struct window_usage {
    rate shown;          ///< the rate as configured
    std::int64_t limit;  ///< units the window may hold now: ⌈N·m⌉
    duration period;     ///< over this length
    std::int64_t used;   ///< open entries and stamps inside it
};

/// A key's state at one instant.
struct key_snapshot {
    std::vector<window_usage> windows;
    std::int64_t open = 0;  ///< units without a stamp, including abandoned ones
    std::int64_t in_flight = 0;
    instant gate = long_ago;
    multiplier factor;
    instant newest = long_ago;  ///< the latest stamp
    std::size_t bytes = 0;      ///< heap bytes of the log in this process
};

/// What a store outside this process does after it has lost its history.
enum class lost_history : std::uint8_t {
    warm_up,  ///< deny every key, with cause `window`, until its shortest window has passed
    ignore,   ///< continue as if nothing had been admitted before
};

/// Which clock a shared store uses.
enum class store_time : std::uint8_t {
    own,       ///< a clock of the store
    injected,  ///< no clock: the instants passed to verbs are the time, for replays and tests
};

}  // namespace weir
