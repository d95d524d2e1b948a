// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::remote {

/// Decodes `%41` and the like; nothing if a % is not followed by two hexadecimal digits.
[[nodiscard]] inline std::optional<std::string> percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        const char small = weir::detail::to_lower(c);
        return weir::detail::is_digit(c) ? c - '0' : small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
        const int low = high < 0 ? -1 : digit(text[i + 2]);
        if (low < 0)
            return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

}  // namespace weir::remote
