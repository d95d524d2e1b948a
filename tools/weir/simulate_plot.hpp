// SPDX-License-Identifier: MIT
#pragma once

#include "simulation/world.hpp"

#include <string>
#include <string_view>

namespace weir::tools {

/// What happened over time as an SVG, or as a page that holds one: admissions and arrivals a second, 429s, the factor
/// and when a gate moved.
[[nodiscard]] std::string simulate_plot(const simulation::outcome& o, std::string_view title, bool is_page);

}  // namespace weir::tools
