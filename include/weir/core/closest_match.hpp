// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// How many letters must be inserted, dropped, changed or swapped with their neighbour to turn one word into the other.
///
/// **Complexity.** O(length a x length b); words longer than 64 letters count as completely different.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    constexpr std::size_t longest = 64;
    if (a.size() > longest || b.size() > longest)
        return std::max(a.size(), b.size());
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

/// The candidate that `word` most likely means, or "" if none is close (more than a third of it differs).
template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<Range>, std::string_view>
[[nodiscard]] std::string closest_match(std::string_view word, Range&& candidates) {
    std::string best;
    std::size_t min = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (auto&& candidate : candidates) {
        const std::string_view text{candidate};
        if (const auto distance = edit_distance(word, text); distance < min) {
            min = distance;
            best = text;
        }
    }
    return best;
}

}  // namespace weir
