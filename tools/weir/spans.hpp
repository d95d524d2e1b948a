// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace weir::tools {

/// A span as the periods of rates are written, with its unit: `250ms`, `90s`, `5min`, `1h`.
[[nodiscard]] inline std::optional<duration> parse_span(std::string_view text) {
    const auto r = parse_rate(fmt::format("1/{}", text));
    return r ? std::optional{r->period} : std::nullopt;
}

/// An instant of virtual time as a point of the calendar, for what is written in dates: zero is the Unix epoch.
[[nodiscard]] inline std::chrono::system_clock::time_point calendar_time(instant at) {
    return std::chrono::time_point_cast<std::chrono::system_clock::duration>(
        std::chrono::sys_time<duration>{at.time_since_epoch()});
}

}  // namespace weir::tools
