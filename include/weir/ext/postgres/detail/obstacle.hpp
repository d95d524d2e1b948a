// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/sql_texts.hpp"
#include "weir/ext/postgres/detail/time_scale.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <vector>

namespace weir::postgres::detail {

/// What stands in the way, as the function `admit` returns it. The server's time in `said` is `here` in this process.
[[nodiscard]] inline assessment obstacle_of(const std::vector<std::int64_t>& said, const window_plan& plan,
                                            instant here, const time_scale& time) {
    assessment f{time.local(said[4], said[2], here), static_cast<cause>(said[5]), static_cast<std::uint32_t>(said[6])};
    if (plan.max_hold < forever && said[7] - said[2] > plan.max_hold.count()) {
        f.cause = cause::gate;
        f.beyond_max_hold = true;
    }
    return f;
}

static_assert(static_cast<int>(cause::none) == static_cast<int>(obstacle::none) &&
              static_cast<int>(cause::window) == static_cast<int>(obstacle::window) &&
              static_cast<int>(cause::gate) == static_cast<int>(obstacle::gate) &&
              static_cast<int>(cause::concurrency) == static_cast<int>(obstacle::concurrency));

}  // namespace weir::postgres::detail
