// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace weir::redis::detail {

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// How many stamps to keep: as many as any window reaches back, plus as many as a request of `cost` may take back.
[[nodiscard]] inline std::int64_t kept(const window_plan& plan, std::int64_t cost) noexcept {
    auto max = static_cast<std::int64_t>(plan.kept.exact);
    for (const window& w : plan.windows)
        max = std::max(max, w.limit);
    return max + cost;
}

/// The arguments of the script `admit`, besides an entry's id. `lives` is what the caller knows of the head, or
/// `unknown`.
[[nodiscard]] inline argument_list admit_arguments(time_scale& time, const window_plan& plan, std::int64_t cost,
                                                   instant now, admit_mode how, duration entry_ttl, double lives) {
    argument_list out{8 + 2 * plan.windows.size()};
    out.add(number(how) + (plan.enforce ? 0 : number(admit_mode::forced)));
    out.add(static_cast<double>(cost));
    out.add(time.argument(now));
    out.add(time.span(entry_ttl));
    out.add(static_cast<double>(plan.max_concurrent));
    out.add(time.span(plan.kept.longest));
    out.add(static_cast<double>(kept(plan, cost)));
    out.add(lives);
    for (const window& w : plan.windows) {
        out.add(static_cast<double>(w.limit));
        out.add(time.span(w.period));
    }
    return out;
}

}  // namespace weir::redis::detail
