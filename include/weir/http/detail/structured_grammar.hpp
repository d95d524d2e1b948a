// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/structured_value.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http::sf::detail {

using weir::detail::is_alpha;
using weir::detail::is_digit;

constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_printable(char c) noexcept { return c >= ' ' && c <= '~'; }
constexpr bool is_key_first(char c) noexcept { return is_lower(c) || c == '*'; }
constexpr bool is_key(char c) noexcept { return is_key_first(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; }
constexpr bool is_token_first(char c) noexcept { return is_alpha(c) || c == '*'; }
constexpr bool is_token(char c) noexcept {
    return is_alpha(c) || is_digit(c) || std::string_view{"!#$%&'*+-.^_`|~:/"}.find(c) != std::string_view::npos;
}

/// Merges entries with the same key: the last value, at the position of the first. It sorts, which needs O(n log n) key
/// comparisons for any keys. A hash table would not: keys can be chosen so that their hashes collide.
template <class Value>
void keep_last(keyed<Value>& all) {
    auto& entries = all.entries;
    if (entries.size() < 2)
        return;
    std::vector<std::size_t> order(entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&entries](std::size_t a, std::size_t b) {
        const int way = entries[a].first.compare(entries[b].first);
        return way != 0 ? way < 0 : a < b;
    });
    std::vector<bool> again(entries.size(), false);
    bool any = false;
    for (std::size_t i = 0; i < order.size();) {
        std::size_t last = i;
        while (last + 1 < order.size() && entries[order[last + 1]].first == entries[order[i]].first)
            again[order[++last]] = any = true;
        if (last != i)
            entries[order[i]].second = std::move(entries[order[last]].second);
        i = last + 1;
    }
    if (!any)
        return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (again[i])
            continue;
        if (kept != i)
            entries[kept] = std::move(entries[i]);
        ++kept;
    }
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(kept), entries.end());
}

}  // namespace weir::http::sf::detail
