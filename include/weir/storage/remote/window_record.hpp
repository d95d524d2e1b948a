// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/stored_key.hpp"

#include <charconv>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::remote {

/// A number by which a store recognises a plan's windows and ceiling. What it decided under another plan has no meaning
/// under this one. It is never 0.
[[nodiscard]] inline std::int64_t name_of(const window_plan& plan) noexcept {
    std::uint64_t hash = 0x9E37'79B9'7F4A'7C15U;
    const auto mix = [&hash](std::int64_t value) {
        hash = (hash ^ static_cast<std::uint64_t>(value)) * 0xBF58'476D'1CE4'E5B9U;
        hash ^= hash >> 31;
        hash *= 0x94D0'49BB'1331'11EBU;
        hash ^= hash >> 29;
    };
    mix(plan.max_concurrent);
    for (const window& w : plan.windows) {
        mix(w.limit);
        mix(w.period.count());
    }
    return static_cast<std::int64_t>(hash | 1);  // 0 is the number of no plan
}

/// A plan's windows, as a store keeps them for operators: the ceiling, then limit and period of every window in
/// nanoseconds.
using window_record = std::vector<std::int64_t>;

[[nodiscard]] inline window_record to_record(const window_plan& plan) {
    window_record out{plan.max_concurrent};
    for (const window& w : plan.windows)
        out.insert(out.end(), {w.limit, w.period.count()});
    return out;
}

/// The numbers of a text with spaces between them; empty if it has anything else.
[[nodiscard]] inline window_record numbers_of(std::string_view text) {
    window_record out;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        std::int64_t number = 0;
        const auto [next, failure] = std::from_chars(at, end, number);
        if (failure != std::errc{} || (next != end && *next != ' '))
            return {};
        out.push_back(number);
        at = next == end ? end : next + 1;
    }
    return out;
}

/// Writes the windows of a record to `key`. Other numbers than those of `to_record` leave it as it is.
inline void read_windows(std::span<const std::int64_t> record, stored_key& key) {
    if (record.size() % 2 != 1 || record.front() < 0)
        return;
    std::vector<window> windows;
    for (std::size_t i = 1; i < record.size(); i += 2) {
        if (record[i] < 1 || record[i + 1] < 1)
            return;
        windows.push_back({record[i], duration{record[i + 1]}});
    }
    key.max_concurrent = record.front();
    key.windows = std::move(windows);
}

}  // namespace weir::remote
