// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/utf8.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::detail {

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr char to_lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_alpha(char c) noexcept { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_space(text.back()))
        text.remove_suffix(1);
    return text;
}

inline std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        c = to_lower(c);
    return out;
}

/// Whether two texts are equal if upper and lower case of ASCII letters are the same.
constexpr bool same_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (to_lower(a[i]) != to_lower(b[i]))
            return false;
    return true;
}

/// `text` for use in a message: in quotes, with unusual bytes escaped, and cut after its first 60 bytes.
inline std::string in_quotes(std::string_view text) {
    constexpr std::size_t max = 60;
    std::string out = "\"";
    for (const char c : text.substr(0, max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte > 0x7e) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out + (text.size() > max ? "...\"" : "\"");
}

/// `text` for use in one line of a message. Control characters and bytes that are not UTF-8 are escaped, so that a key
/// from a file can neither end the line nor send commands to the terminal.
inline std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        std::size_t length = utf8_length(text);
        const bool c1 = length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
        if (length == 0 || byte < 0x20 || byte == 0x7f || c1) {
            out += fmt::format("\\x{:02x}", byte);
            length = 1;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace weir::detail
