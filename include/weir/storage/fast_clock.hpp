// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/detail/cycle_clock.hpp"
#include "weir/storage/detail/cycle_counter.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

namespace weir {
namespace detail {

inline constinit cycle_clock<cycle_counter, steady_clock> machine_cycles;

}  // namespace detail

/// `steady_clock`, read from the CPU's counter of time: the same timeline, and within 1 us of it. Where CPU or kernel
/// do not promise a steady counter it is `steady_clock`, which is looked up at the first reading and watched from then
/// on.
///
/// Faster where it is read more often than every 10 us; a reading after a longer pause costs some 30 ns more than
/// `steady_clock`. Never goes back, whichever threads read. Stops while the machine sleeps.
///
/// **Thread safety.** Stateless; the process's readings share one anchor without a lock. **Complexity.** O(1).
struct fast_clock {
    [[nodiscard, gnu::always_inline]] instant now() const noexcept { return detail::machine_cycles.now(); }
    /// `now()` without its fence, which costs as much as the counter. It may be 0.1 us less than what another thread
    /// has just read, but not after taking a lock. For a caller that holds time to the newest it knows.
    [[nodiscard, gnu::always_inline]] instant now_unfenced() const noexcept {
        return detail::machine_cycles.now<false>();
    }
    /// Whether the CPU's counter is in use. False before the first reading of the process.
    [[nodiscard]] static bool counts_cycles() noexcept { return detail::machine_cycles.counts(); }
};

static_assert(clock_source<fast_clock>);

}  // namespace weir
