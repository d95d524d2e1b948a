// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/content_range.hpp"
#include "weir/http/date.hpp"
#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::detail {

/// Whether two entity tags are equal if `W/` does not matter (RFC 9110 §8.8.3.2).
[[nodiscard]] inline bool weakly_equal(std::string_view a, std::string_view b) noexcept {
    const auto opaque = [](std::string_view tag) { return tag.starts_with("W/") ? tag.substr(2) : tag; };
    return opaque(a) == opaque(b);
}

[[nodiscard]] inline bool strongly_equal(std::string_view a, std::string_view b) noexcept {
    return a == b && !a.starts_with("W/");
}

/// Whether the client already has this response: the answer to its `If-None-Match`, else to its `If-Modified-Since`.
[[nodiscard]] inline bool client_has(const headers& request, const stored_response& stored) {
    const auto tag = stored.headers.first("ETag");
    if (const auto wanted = request.joined("If-None-Match")) {
        const auto members = list_members(*wanted);
        return std::ranges::any_of(
            members, [&](std::string_view one) { return one == "*" || (tag && weakly_equal(one, *tag)); });
    }
    const auto since_text = request.first("If-Modified-Since");
    const auto since = since_text ? parse_http_date(*since_text, stored.received) : std::nullopt;
    if (!since)
        return false;
    for (const std::string_view name : {"Last-Modified", "Date"})
        if (const auto text = stored.headers.first(name))
            if (const auto at = parse_http_date(*text, stored.received))
                return *at <= *since;
    return wall_time{*since} >= stored.received;
}

/// A position in a body.
[[nodiscard]] inline std::optional<std::uint64_t> position(std::string_view text) {
    const auto read = digits(text, std::numeric_limits<std::int64_t>::max());
    return read ? std::optional{static_cast<std::uint64_t>(*read)} : std::nullopt;
}

/// One range of bytes that a request wants of a representation of `total` bytes; nothing if it wants several ranges,
/// another unit, or bytes that are not there.
[[nodiscard]] inline std::optional<byte_range> wanted_range(std::string_view text, std::uint64_t total) {
    constexpr std::string_view unit = "bytes=";
    if (!text.starts_with(unit) || total == 0)
        return std::nullopt;
    text = weir::detail::trim(text.substr(unit.size()));
    const auto dash = text.find('-');
    if (dash == std::string_view::npos || text.find(',') != std::string_view::npos)
        return std::nullopt;
    const auto first = position(text.substr(0, dash));
    const auto last = position(text.substr(dash + 1));
    if ((!first && dash != 0) || (!last && dash + 1 != text.size()))
        return std::nullopt;
    byte_range out{.first = 0, .last = total - 1, .total = total};
    if (first) {
        out.first = *first;
        if (last)
            out.last = std::min(out.last, *last);
        if (out.first > out.last)
            return std::nullopt;
    } else {
        if (!last || *last == 0)
            return std::nullopt;
        out.first = total - std::min(total, *last);
    }
    return out;
}

/// The part that a `Content-Range` of bytes names; nothing if it is malformed or the total is not known.
[[nodiscard]] inline std::optional<byte_range> part_of_known_total(std::string_view text) {
    const auto part = parse_content_range(text);
    if (!part || !part->total)
        return std::nullopt;
    return byte_range{.first = part->first, .last = part->last, .total = *part->total};
}

}  // namespace weir::http::detail
