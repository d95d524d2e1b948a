// SPDX-License-Identifier: MIT
#pragma once

#include "limits.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// The program's own reading of numbers, durations and rates: strict, whole-string, and independent of weir's parser.
namespace origin {

/// A non-negative decimal integer and nothing else.
[[nodiscard]] inline std::optional<std::int64_t> parse_count(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '-' || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/// A non-negative finite decimal number: `0.5`, `2`.
[[nodiscard]] inline std::optional<double> parse_number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (text.empty() || text.front() == '-' || error != std::errc{} || end != text.data() + text.size() ||
        !std::isfinite(value)) {
        return std::nullopt;
    }
    return value;
}

/// Length of a unit in any case: `ms`, `s`, `SECOND`, `min`, `h`, `DAYS`.
[[nodiscard]] inline std::optional<nanos> parse_unit(std::string_view text) {
    using namespace std::chrono_literals;
    static constexpr std::array<std::pair<std::string_view, nanos>, 17> units{{
        {"ms", 1ms},
        {"millisecond", 1ms},
        {"milliseconds", 1ms},
        {"s", 1s},
        {"sec", 1s},
        {"second", 1s},
        {"seconds", 1s},
        {"m", 1min},
        {"min", 1min},
        {"minute", 1min},
        {"minutes", 1min},
        {"h", 1h},
        {"hour", 1h},
        {"hours", 1h},
        {"d", 24h},
        {"day", 24h},
        {"days", 24h},
    }};
    std::string lower{text};
    for (char& c : lower) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    for (const auto& [name, length] : units) {
        if (name == lower) {
            return length;
        }
    }
    return std::nullopt;
}

/// `100ms`, `1.5s`, `5min`, or a bare `0`.
[[nodiscard]] inline std::optional<nanos> parse_duration(std::string_view text) {
    if (text == "0") {
        return nanos{0};
    }
    const auto split = text.find_first_not_of("0123456789.");
    if (split == std::string_view::npos) {
        return std::nullopt;
    }
    const auto number = parse_number(text.substr(0, split));
    const auto unit = parse_unit(text.substr(split));
    if (!number || !unit || *number * static_cast<double>(unit->count()) > 9e18) {
        return std::nullopt;
    }
    return nanos{std::llround(*number * static_cast<double>(unit->count()))};
}

/// `10/1s`, `10/SECOND`, `5000/h`, `300/5min`. A rate that admits nothing is refused.
[[nodiscard]] inline std::optional<rate> parse_rate(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto limit = parse_count(text.substr(0, slash));
    const auto window = text.substr(slash + 1);
    const auto digits = window.find_first_not_of("0123456789");
    if (!limit || *limit < 1 || digits == std::string_view::npos) {
        return std::nullopt;
    }
    const auto times = digits == 0 ? std::optional<std::int64_t>{1} : parse_count(window.substr(0, digits));
    const auto unit = parse_unit(window.substr(digits));
    if (!times || *times < 1 || !unit || *times > std::numeric_limits<std::int64_t>::max() / 4 / unit->count()) {
        return std::nullopt;
    }
    return rate{*limit, *times * *unit};
}

}  // namespace origin
