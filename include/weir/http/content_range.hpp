// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace weir::http {

/// Which part of a body a response with 206 has: the field `Content-Range: bytes 100-199/1000`.
struct content_range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;                ///< included
    std::optional<std::uint64_t> total{};  ///< of the whole body; absent = the server does not know it
};

/// Reads a number of bytes, such as a `Content-Length`: digits and nothing else.
[[nodiscard]] inline std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failure != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// Reads a `Content-Range` in bytes. Nothing if it is none, if the part ends before it begins, or if it ends after the
/// whole. `bytes */1000`, which a 416 has, is none.
[[nodiscard]] inline std::optional<content_range> parse_content_range(std::string_view text) noexcept {
    text = weir::detail::trim(text);
    if (text.size() < 6 || !weir::detail::same_ignoring_case(text.substr(0, 6), "bytes "))
        return std::nullopt;
    text = weir::detail::trim(text.substr(6));
    const auto dash = text.find('-'), slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
        return std::nullopt;
    const auto first = parse_length(text.substr(0, dash));
    const auto last = parse_length(text.substr(dash + 1, slash - dash - 1));
    const std::string_view whole = text.substr(slash + 1);
    const auto total = parse_length(whole);
    if (!first || !last || *last < *first || (!total && whole != "*") || (total && *last >= *total))
        return std::nullopt;
    return content_range{*first, *last, total};
}

}  // namespace weir::http
