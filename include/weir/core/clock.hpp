// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <chrono>
#include <concepts>

namespace weir {

/// A source of instants. The library reads one only inside a key's critical section.
template <class C>
concept clock_source = requires(const C& clock) {
    // Reading must not throw: a limiter without the time could not undo a step that it has begun.
    { clock.now() } noexcept -> std::same_as<instant>;
};

/// The machine's monotonic clock. It stops while the machine sleeps, so windows only get longer.
///
/// **Thread safety.** Stateless. **Complexity.** One vDSO call.
struct steady_clock {
    [[nodiscard]] instant now() const noexcept {
        return instant{std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
    }
};

static_assert(clock_source<steady_clock>);

}  // namespace weir
