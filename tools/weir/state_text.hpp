// SPDX-License-Identifier: MIT
#pragma once

#include "state_store.hpp"

#include "weir/core/time.hpp"

#include <span>
#include <string>
#include <string_view>

namespace weir::tools {

/// A length of time in at most six characters: `250ms`, `2.1s`, `12m40s`, `3h05m`, `12d`.
[[nodiscard]] std::string short_span(duration d);

/// A window's rate: `10/1s`; a period that is no whole number of units in seconds: `8/1.334s`.
[[nodiscard]] std::string window_text(const window_usage& w);

/// The keys as lines of at most 80 characters, and what cannot be known of them.
[[nodiscard]] std::string to_table(std::span<const seen_key> keys);

/// The same as one JSON object in one line. Times are milliseconds; what is not known is null.
[[nodiscard]] std::string to_json(std::string_view kind, std::span<const seen_key> keys);

[[nodiscard]] std::string to_table(std::span<const seen_holder> holders);
[[nodiscard]] std::string to_json(std::string_view kind, std::span<const seen_holder> holders);

}  // namespace weir::tools
