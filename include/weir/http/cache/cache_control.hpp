// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// The directives of `Cache-Control` that a private cache obeys (RFC 9111 §5.2, RFC 5861). Times are in seconds.
struct cache_control {
    bool no_store = false;
    /// In a response: each reuse is validated. In a request: the stored response is validated first.
    bool no_cache = false;
    bool must_revalidate = false;
    bool must_understand = false;
    bool is_public = false;
    bool is_private = false;
    bool only_if_cached = false;
    /// `max-stale` without a value: the client takes a stale response of any age.
    bool any_staleness = false;
    std::optional<std::chrono::seconds> max_age{};
    std::optional<std::chrono::seconds> max_stale{};
    std::optional<std::chrono::seconds> min_fresh{};
    std::optional<std::chrono::seconds> stale_while_revalidate{};
    std::optional<std::chrono::seconds> stale_if_error{};
    /// The fields named by `no-cache="..."`: they are not sent from the store without validation. Lower case.
    std::vector<std::string> no_cache_fields{};
};

namespace detail {

/// Splits a list of tokens with parameters at commas outside quoted strings. Empty members are passed over.
inline std::vector<std::string_view> list_members(std::string_view text) {
    std::vector<std::string_view> out;
    bool quoted = false;
    std::size_t from = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i == text.size() || (text[i] == ',' && !quoted)) {
            if (const auto member = weir::detail::trim(text.substr(from, i - from)); !member.empty())
                out.push_back(member);
            from = i + 1;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == '\\' && quoted) {
            ++i;
        }
    }
    return out;
}

/// The text of a quoted string or a token; nothing if a quote does not end.
inline std::optional<std::string> unquoted(std::string_view text) {
    if (!text.starts_with('"'))
        return std::string{text};
    if (text.size() < 2 || !text.ends_with('"'))
        return std::nullopt;
    std::string out;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
        if (text[i] == '\\' && i + 2 < text.size())
            ++i;
        out += text[i];
    }
    return out;
}

/// A number of decimal digits, at most `max`; nothing for any other text.
inline std::optional<std::int64_t> digits(std::string_view text, std::int64_t max) {
    if (text.empty() || !std::ranges::all_of(text, weir::detail::is_digit))
        return std::nullopt;
    std::int64_t out = 0;
    for (const char c : text)
        out = out > (max - (c - '0')) / 10 ? max : out * 10 + (c - '0');
    return out;
}

/// A number of seconds (RFC 9111 §1.2.2). One that is too large becomes 2^31; anything else than digits is nothing.
inline std::optional<std::chrono::seconds> delta_seconds(std::string_view text) {
    const auto read = digits(text, std::int64_t{1} << 31);
    return read ? std::optional{std::chrono::seconds{*read}} : std::nullopt;
}

/// The lower-case names in a list of field names.
inline std::vector<std::string> field_names(std::string_view text) {
    std::vector<std::string> out;
    for (const std::string_view name : list_members(text))
        out.push_back(weir::detail::lower(name));
    return out;
}

}  // namespace detail

/// Reads every `Cache-Control` field of a message.
///
/// The first of several equal directives counts. A `max-age` that is no number of seconds counts as 0, because a cache
/// that cannot read a time must not use the response for longer (RFC 9111 §4.2.1). Unknown directives are passed over.
[[nodiscard]] inline cache_control parse_cache_control(const headers& fields) {
    cache_control out;
    const auto text = fields.joined("Cache-Control");
    if (!text)
        return out;
    for (const std::string_view member : detail::list_members(*text)) {
        const auto equals = member.find('=');
        const std::string_view spelt = member.substr(0, equals);
        const std::string name = weir::detail::lower(weir::detail::trim(spelt));
        std::optional<std::string> value;
        if (equals != std::string_view::npos)
            value = detail::unquoted(member.substr(equals + 1));
        // A space beside the `=` is no part of the grammar, so the value is none.
        const auto seconds = value && spelt.size() == name.size() ? detail::delta_seconds(*value) : std::nullopt;
        const auto first = [](std::optional<std::chrono::seconds>& place, std::optional<std::chrono::seconds> read) {
            if (!place)
                place = read;
        };
        if (name == "no-store") {
            out.no_store = true;
        } else if (name == "no-cache") {
            if (!value || value->empty())
                out.no_cache = true;
            else
                for (std::string& field : detail::field_names(*value))
                    out.no_cache_fields.push_back(std::move(field));
        } else if (name == "must-revalidate") {
            out.must_revalidate = true;
        } else if (name == "must-understand") {
            out.must_understand = true;
        } else if (name == "public") {
            out.is_public = true;
        } else if (name == "private") {
            out.is_private = true;
        } else if (name == "only-if-cached") {
            out.only_if_cached = true;
        } else if (name == "max-age") {
            first(out.max_age, seconds.value_or(std::chrono::seconds{0}));
        } else if (name == "max-stale") {
            if (equals == std::string_view::npos)
                out.any_staleness = true;
            else
                first(out.max_stale, seconds.value_or(std::chrono::seconds{0}));
        } else if (name == "min-fresh") {
            first(out.min_fresh, seconds);
        } else if (name == "stale-while-revalidate") {
            first(out.stale_while_revalidate, seconds);
        } else if (name == "stale-if-error") {
            first(out.stale_if_error, seconds);
        }
    }
    return out;
}

}  // namespace weir::http
