// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::yaml::detail {

/// The first thing in a text that the YAML scanner must not read; an empty message if there is none.
struct oddity {
    const char* message = nullptr;
    std::uint32_t line = 0;
    std::uint32_t column = 0;  ///< in bytes, as the scanner counts
};

/// Checks every byte once. NUL and bad UTF-8 would make the scanner guess an encoding.
[[nodiscard]] inline oddity validate_text(std::string_view text) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    for (std::size_t i = 0; i < text.size();) {
        if (text.size() - i >= 8) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, text.data() + i, 8);
            if (((eight | (eight - ones)) & tops) == 0) {  // only ASCII; a zero byte would have caused a borrow
                i += 8;
                continue;
            }
        }
        const std::size_t length = text[i] == '\0' ? 0 : weir::detail::utf8_length(text.substr(i, 4));
        if (length == 0) {
            const std::string_view before = text.substr(0, i);
            const auto line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
            return {text[i] == '\0' ? "it has a NUL byte; is it a text file?" : "it is not UTF-8",
                    static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1),
                    static_cast<std::uint32_t>(i - line_begin + 1)};
        }
        i += length;
    }
    return {};
}

}  // namespace weir::yaml::detail
