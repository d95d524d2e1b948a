// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::tools {

/// The most of the sorted `stamps` of which the last is less than `length` after the first.
[[nodiscard]] inline std::size_t max_within(const std::vector<std::int64_t>& stamps, std::int64_t length) {
    std::size_t max = 0;
    for (std::size_t first = 0, last = 0; last < stamps.size(); ++last) {
        while (stamps[last] - stamps[first] >= length)
            ++first;
        max = std::max(max, last - first + 1);
    }
    return max;
}

/// What can be said of the fullest interval [s, s + length).
struct worst_window {
    std::size_t certain = 0;   ///< it held as many
    std::size_t possible = 0;  ///< it held no more
};

/// Judges sorted `stamps`, each of which stands for an instant from itself to `blur` later, wherever in there.
[[nodiscard]] inline worst_window worst(const std::vector<std::int64_t>& stamps, std::int64_t length,
                                        std::int64_t blur) {
    worst_window out;
    // The first as late and the last as early as can be.
    out.possible = max_within(stamps, length + blur);
    // The first as early and the last as late as can be. Where the blur is as long as the interval, or does not divide
    // it, several intervals end to end tell more: of n requests that k of them hold, one of the k holds n/k.
    const auto fewest = blur / length + 1;
    for (auto k = fewest; k < fewest + (blur == 0 ? 1 : 10); ++k) {
        const auto together = max_within(stamps, k * length - blur);
        const auto parts = static_cast<std::size_t>(k);
        out.certain = std::max(out.certain, (together + parts - 1) / parts);
    }
    return out;
}

}  // namespace weir::tools
