// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::yaml::detail {

/// The first thing in a text that the YAML scanner must not see; no message when there is none.
struct oddity {
    const char* message = nullptr;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// Length of the well-formed UTF-8 sequence that begins at `at`, or 0.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
    const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned a = byte(at);
    const unsigned b = byte(at + 1);
    if (a < 0x80)
        return 1;
    if (a >= 0xC2 && a <= 0xDF)
        return tail(at + 1) ? 2 : 0;
    if (a >= 0xE0 && a <= 0xEF) {
        if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F))
            return 0;  // overlong, surrogate
        return tail(at + 1) && tail(at + 2) ? 3 : 0;
    }
    if (a >= 0xF0 && a <= 0xF4) {
        if ((a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F))
            return 0;  // overlong, past the last code point
        return tail(at + 1) && tail(at + 2) && tail(at + 3) ? 4 : 0;
    }
    return 0;
}

/// Looks at every byte once: NUL and bad UTF-8 make the scanner guess an encoding, and flow brackets opened by the
/// thousand on one line make it keep a token for each until the line ends, with a cost that grows faster than the text.
[[nodiscard]] constexpr oddity screen(std::string_view text) noexcept {
    constexpr std::size_t most_brackets = 1024;
    std::uint32_t line = 1;
    std::uint32_t column = 1;
    std::size_t brackets = 0;
    for (std::size_t i = 0; i < text.size(); ++column) {
        const char c = text[i];
        if (c == '\0')
            return {"it has a NUL byte; is it a text file?", line, column};
        const std::size_t length = utf8_length(text, i);
        if (length == 0)
            return {"it is not UTF-8", line, column};
        if ((c == '[' || c == '{') && ++brackets > most_brackets)
            return {"more than 1024 brackets are open on one line", line, column};
        if ((c == ']' || c == '}') && brackets > 0)
            --brackets;
        if (c == '\n') {
            ++line;
            column = 0;
            brackets = 0;
        }
        i += length;
    }
    return {};
}

}  // namespace weir::yaml::detail
