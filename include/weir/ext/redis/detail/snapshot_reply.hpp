// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::redis::detail {

/// Reads what the verb `read` returns, where the server's time is `here` in this process. Returns nothing if the bytes
/// are not that.
[[nodiscard]] inline std::optional<key_snapshot> snapshot_of(std::string_view bytes, const window_plan& plan,
                                                             const time_scale& time, instant here) {
    if (bytes.size() != (7 + plan.windows.size()) * 8)
        return std::nullopt;
    const auto at = [&](std::size_t i) { return double_at(bytes, i); };
    key_snapshot out;
    out.open = static_cast<std::int64_t>(at(1));
    out.in_flight = static_cast<std::int64_t>(at(2));
    out.gate = time.local(at(3), at(0), here);
    out.factor = factor_of(at(4));
    out.newest = time.local(at(5), at(0), here);
    for (std::size_t i = 0; i < plan.windows.size(); ++i) {
        const window& w = plan.windows[i];
        auto used = static_cast<std::int64_t>(at(7 + i));
        // Behind the kept stamps it is only known that there were more. The window then counts as full.
        if (at(6) > at(0) - time.span(w.period))
            used = std::max(used, w.limit);
        out.windows.push_back({plan.shown[i], w.limit, w.period, used});
    }
    return out;
}

}  // namespace weir::redis::detail
