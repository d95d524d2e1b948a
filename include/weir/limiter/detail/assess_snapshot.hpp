// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::detail {

/// Assesses a request of `cost` units from a key's state in a shared store. A snapshot does not say when a window has
/// room again: then the time is `now`.
[[nodiscard]] inline assessment assess_snapshot(const key_snapshot& seen, const window_plan& plan, std::int64_t cost,
                                                instant now) noexcept {
    if (seen.gate > now)
        return {seen.gate, cause::gate, 0};
    if (cost == 0)
        return {now, cause::none, 0};
    for (std::size_t i = 0; i < std::min(seen.windows.size(), plan.windows.size()); ++i)
        if (seen.windows[i].used > std::max<std::int64_t>(0, seen.windows[i].limit - cost))
            return {now, cause::window, static_cast<std::uint32_t>(i)};
    if (plan.max_concurrent > 0 && seen.in_flight >= plan.max_concurrent)
        return {now, cause::concurrency, 0};
    return {now, cause::none, 0};
}

}  // namespace weir::detail
