// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::detail {

/// Whether `host` is an IPv4 address by the rules of the URL Standard: its last label is a number, or would be one.
[[nodiscard]] constexpr bool ends_in_number(std::string_view host) noexcept {
    if (!host.empty() && host.back() == '.')
        host.remove_suffix(1);
    std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 = 0
    if (last.empty() || last.front() < '0' || last.front() > '9')
        return false;
    const bool is_hex = last.size() > 1 && last.front() == '0' && (last[1] == 'x' || last[1] == 'X');
    if (is_hex)
        last.remove_prefix(2);
    for (const char c : last)
        if (!(c >= '0' && c <= '9') && !(is_hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))))
            return false;
    return true;
}

/// An address as four decimal numbers without leading zeros; nothing for any other text.
[[nodiscard]] constexpr std::optional<std::uint32_t> dotted_quad(std::string_view text) noexcept {
    std::uint32_t out = 0;
    std::size_t at = 0;
    for (int i = 0; i < 4; ++i) {
        if (i > 0 && (at == text.size() || text[at++] != '.'))
            return std::nullopt;
        const std::size_t from = at;
        std::uint32_t part = 0;
        for (; at < text.size() && at < from + 3 && text[at] >= '0' && text[at] <= '9'; ++at)
            part = part * 10 + static_cast<std::uint32_t>(text[at] - '0');
        if (at == from || part > 255 || (text[from] == '0' && at > from + 1))
            return std::nullopt;
        out = out << 8U | part;
    }
    return at == text.size() ? std::optional{out} : std::nullopt;
}

/// An IPv4 address in any form of the URL Standard: one to four numbers, decimal, octal (`0`) or hexadecimal (`0x`),
/// the last of which fills the rest. Nothing if a number is none or too large.
[[nodiscard]] constexpr std::optional<std::uint32_t> ipv4_number(std::string_view text) noexcept {
    if (!text.empty() && text.back() == '.')
        text.remove_suffix(1);
    std::uint64_t out = 0;
    for (int parts = 0;; ++parts) {
        if (parts == 4)
            return std::nullopt;
        const auto dot = text.find('.');
        std::string_view part = text.substr(0, dot);
        std::uint64_t base = 10, value = 0;
        if (part.size() > 1 && part.front() == '0') {
            const bool is_hex = part[1] == 'x' || part[1] == 'X';
            base = is_hex ? 16 : 8;
            part.remove_prefix(is_hex ? 2 : 1);
        }
        if (part.empty())
            return std::nullopt;  // nothing, or a bare "0x", which libcurl takes for a name
        for (const char c : part) {
            const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                                   : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                   : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                                          : 16U;
            if (digit >= base)
                return std::nullopt;
            value = value * base + digit;
            if (value > 0xffffffffU)
                return std::nullopt;
        }
        if (dot == std::string_view::npos) {
            const unsigned bits = static_cast<unsigned>(8 * (4 - parts));
            if (value >> bits != 0)
                return std::nullopt;
            return static_cast<std::uint32_t>(out << bits | value);
        }
        if (value > 255)
            return std::nullopt;
        out = out << 8U | value;
        text.remove_prefix(dot + 1);
    }
}

[[nodiscard]] inline std::string to_dotted_quad(std::uint32_t ip) {
    std::string out;
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        out += std::to_string(ip >> (shift - 8) & 0xffU);
        if (shift > 8)
            out += '.';
    }
    return out;
}

using ipv6_address = std::array<std::uint8_t, 16>;

/// The bytes of an IPv6 address in any of its text forms (RFC 4291 §2.2), without brackets and zone.
[[nodiscard]] constexpr std::optional<ipv6_address> ipv6_bytes(std::string_view text) noexcept {
    ipv6_address out{};
    std::size_t filled = 0;
    std::optional<std::size_t> gap;  // where "::" stands for zeros
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        if (filled == out.size())
            return std::nullopt;
        const auto colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            const auto v4 = dotted_quad(group);
            if (!v4 || filled > out.size() - 4)
                return std::nullopt;
            for (unsigned shift = 32; shift > 0; shift -= 8)
                out[filled++] = static_cast<std::uint8_t>(*v4 >> (shift - 8));
            break;
        }
        if (group.empty() || group.size() > 4)
            return std::nullopt;
        unsigned value = 0;
        for (const char c : group) {
            const bool is_decimal = c >= '0' && c <= '9', is_upper = c >= 'A' && c <= 'F';
            if (!is_decimal && !is_upper && !(c >= 'a' && c <= 'f'))
                return std::nullopt;
            value = value * 16 + static_cast<unsigned>(is_decimal ? c - '0' : c - (is_upper ? 'A' : 'a') + 10);
        }
        out[filled++] = static_cast<std::uint8_t>(value >> 8U);
        out[filled++] = static_cast<std::uint8_t>(value & 0xffU);
        if (colon == std::string_view::npos)
            break;
        text.remove_prefix(colon + 1);
        if (text.starts_with(':')) {
            if (gap)
                return std::nullopt;
            gap = filled;
            text.remove_prefix(1);
        } else if (text.empty()) {
            return std::nullopt;
        }
    }
    if (!gap)
        return filled == out.size() ? std::optional{out} : std::nullopt;
    if (filled == out.size())
        return std::nullopt;
    for (std::size_t i = filled; i-- > *gap;) {
        out[out.size() - filled + i] = out[i];
        out[i] = 0;
    }
    return out;
}

/// The one spelling of an IPv6 address (RFC 5952), without brackets.
[[nodiscard]] inline std::string ipv6_text(const ipv6_address& ip) {
    const auto word = [&](std::size_t i) { return static_cast<unsigned>(ip[2 * i] << 8 | ip[2 * i + 1]); };
    std::size_t gap = 8, longest = 1;  // the first of the longest runs of at least two zeros
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t end = i;
        while (end < 8 && word(end) == 0)
            ++end;
        if (end - i > longest) {
            gap = i;
            longest = end - i;
        }
    }
    const bool has_v4 = gap == 0 && (longest == 6 || (longest == 5 && word(5) == 0xffff));
    std::string out;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == gap) {
            out += "::";
            i += longest - 1;
        } else if (i == 6 && has_v4) {
            return (out.ends_with(':') ? out : out + ':') + to_dotted_quad(word(6) << 16U | word(7));
        } else {
            if (!out.empty() && !out.ends_with(':'))
                out += ':';
            out += fmt::format("{:x}", word(i));
        }
    }
    return out;
}

}  // namespace weir::detail
