// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::redis::detail {

/// What stands in the way, as the script `admit` returns it: cause, window, time and gate. `t` is the server's time.
[[nodiscard]] inline assessment obstacle_of(std::string_view text, const window_plan& plan, double t,
                                            const time_scale& time) {
    const auto at = [&](std::size_t i) { return double_at(text, i); };
    assessment f{far_future, static_cast<cause>(static_cast<std::uint8_t>(at(0))), static_cast<std::uint32_t>(at(1))};
    f.at = time.local(at(2), t, time.now());
    if (f.cause != cause::none && plan.max_hold < forever && at(3) - t > time.span(plan.max_hold)) {
        f.cause = cause::gate;
        f.beyond_max_hold = true;
    }
    return f;
}

static_assert(static_cast<int>(cause::none) == static_cast<int>(obstacle::none) &&
              static_cast<int>(cause::window) == static_cast<int>(obstacle::window) &&
              static_cast<int>(cause::gate) == static_cast<int>(obstacle::gate) &&
              static_cast<int>(cause::concurrency) == static_cast<int>(obstacle::concurrency));

}  // namespace weir::redis::detail
