// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <chrono>
#include <cstdint>

namespace weir {

/// The timeline of all decisions. It has no `now()`: clocks return instants, and every verb takes one.
struct timeline {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<timeline, duration>;
    static constexpr bool is_steady = true;
};

/// A span of time in nanoseconds.
using duration = timeline::duration;

/// A point on a store's own timeline, in nanoseconds since an origin that only that store's clock knows.
using instant = timeline::time_point;

/// "It never happened": earlier than every instant that a clock returns. A period can be added to it without overflow.
inline constexpr instant long_ago{duration{INT64_MIN / 2}};

/// "It has no end": later than every instant that a clock returns. A period can be added to it without overflow.
inline constexpr instant far_future{duration{INT64_MAX / 2}};

/// "However long it takes": longer than every other span. An instant can be added to it without overflow.
inline constexpr duration forever = far_future - instant{};

/// The instant `span` after `at`, or `far_future` if the sum is later than that.
[[nodiscard]] constexpr instant saturating_add(instant at, duration span) noexcept {
    return span >= far_future - at ? far_future : at + span;
}

}  // namespace weir
