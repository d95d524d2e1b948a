// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <cstddef>
#include <string_view>

namespace weir::detail {

/// The length in bytes of the well-formed UTF-8 character at the start of `text`, or 0 if there is none.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [byte](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned a = byte(0);
    if (a < 0x80)
        return text.empty() ? 0 : 1;
    if (a >= 0xc2 && a <= 0xdf)
        return tail(1) ? 2 : 0;
    // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
    if (a >= 0xe0 && a <= 0xef) {
        const unsigned min = a == 0xe0 ? 0xa0 : 0x80, max = a == 0xed ? 0x9f : 0xbf;
        return byte(1) >= min && byte(1) <= max && tail(2) ? 3 : 0;
    }
    if (a >= 0xf0 && a <= 0xf4) {
        const unsigned min = a == 0xf0 ? 0x90 : 0x80, max = a == 0xf4 ? 0x8f : 0xbf;
        return byte(1) >= min && byte(1) <= max && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

/// Whether all of `text` is well-formed UTF-8.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace weir::detail
