// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/loss_watch.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <cstdint>

namespace weir::postgres::detail {

/// Denies until the key's shortest window has passed since the loss of history.
[[nodiscard]] inline assessment warming(const postgres_options& o, const loss_watch& losses, const window_plan& plan,
                                        std::int64_t cost, instant now) {
    const instant lost = losses.lost_at();
    if (lost == long_ago || o.injected_time || o.on_lost_history == lost_history::ignore)
        return {now, cause::none, 0};
    return warm_up(plan, cost, lost, now);
}

}  // namespace weir::postgres::detail
