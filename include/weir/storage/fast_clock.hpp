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

/// `steady_clock`, read from the CPU's time counter: the same timeline, with an error of at most 1 us. If CPU or kernel
/// do not promise a steady counter, it is `steady_clock` itself. The first reading finds this out, and later readings
/// check the counter.
///
/// It is faster if it is read more often than every 10 us. A reading after a longer pause costs about 30 ns more than
/// `steady_clock`. It never goes back, whichever threads read. It stops while the machine sleeps.
///
/// **Thread safety.** Stateless; the process's readings share one anchor without a lock. **Complexity.** O(1).
struct fast_clock {
    [[nodiscard, gnu::always_inline]] instant now() const noexcept { return detail::machine_cycles.now(); }
    /// `now()` without its fence, which costs as much as the counter. It may be 0.1 us less than what another thread
    /// has just read, but not after taking a lock. Use it if you compare the result with the newest time that you know.
    [[nodiscard, gnu::always_inline]] instant now_unfenced() const noexcept {
        return detail::machine_cycles.now<false>();
    }
    /// Whether the CPU's counter is in use. False before the first reading of the process.
    [[nodiscard]] static bool counts_cycles() noexcept { return detail::machine_cycles.counts(); }
};

static_assert(clock_source<fast_clock>);

}  // namespace weir
