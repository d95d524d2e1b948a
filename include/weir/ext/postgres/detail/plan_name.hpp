// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"

#include <cstdint>

namespace weir::postgres::detail {

/// By what the server knows a plan again: what it last decided under another one says nothing.
[[nodiscard]] inline std::int64_t name_of(const window_plan& plan) noexcept {
    std::uint64_t hash = 0x9E37'79B9'7F4A'7C15U;
    const auto mix = [&hash](std::int64_t value) {
        hash = (hash ^ static_cast<std::uint64_t>(value)) * 0xBF58'476D'1CE4'E5B9U;
        hash ^= hash >> 31;
        hash *= 0x94D0'49BB'1331'11EBU;
        hash ^= hash >> 29;
    };
    mix(plan.max_concurrent);
    for (const window& w : plan.windows) {
        mix(w.limit);
        mix(w.period.count());
    }
    return static_cast<std::int64_t>(hash | 1);  // 0 is no plan's
}

}  // namespace weir::postgres::detail
