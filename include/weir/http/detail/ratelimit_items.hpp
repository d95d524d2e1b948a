// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/ratelimit_names.hpp"
#include "weir/http/detail/stated_time.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/structured_value.hpp"

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace weir::http::detail {

/// Why a field is dropped; empty = it is well formed.
using fault = std::string_view;

/// The greatest number of policies in one field. No server needs more, and the bound keeps matching them cheap.
inline constexpr std::size_t max_quotas = 64;

/// Reads a parameter that may be absent. False if it is present with another type.
template <class T>
[[nodiscard]] bool optional_value(const sf::parameters& params, std::string_view key, std::optional<T>& out) {
    const sf::bare_item* const value = params.find(key);
    if (value == nullptr)
        return true;
    const T* const typed = std::get_if<T>(value);
    if (typed == nullptr)
        return false;
    out = *typed;
    return true;
}

[[nodiscard]] inline fault read_partition(const sf::parameters& params, quota& out) {
    std::optional<sf::byte_sequence> key;
    if (!optional_value(params, wire::partition, key))
        return "a partition key is a byte sequence: pk=:dXNlcjE=:";
    if (key)
        out.partition = std::move(key->bytes);
    return {};
}

/// Reads one policy. `known` becomes false if its unit is unknown.
[[nodiscard]] inline fault read_policy(const sf::item& from, quota& out, bool& known) {
    std::optional<std::int64_t> limit, window;
    std::optional<std::string> unit;
    if (const auto* name = std::get_if<std::string>(&from.value)) {
        out.name = *name;
        if (!optional_value(from.params, wire::policy_limit, limit) || !limit || *limit < 0)
            return "a policy needs its quota, a whole number: q=100";
    } else if (const auto* number = std::get_if<std::int64_t>(&from.value)) {
        limit = *number;
        if (*limit < 0)
            return "a quota is a number from 0";
    } else {
        return "a policy begins with its name in quotes: \"default\";q=100;w=60";
    }
    if (!optional_value(from.params, wire::policy_window, window) || (window && *window < 1))
        return "a window is a whole number of seconds from 1: w=60";
    if (!optional_value(from.params, wire::policy_unit, unit))
        return "a quota unit is a string: qu=\"requests\"";
    if (unit) {
        const auto* const named =
            std::find_if(wire::units.begin(), wire::units.end(), [&unit](const auto& u) { return u.first == *unit; });
        known = named != wire::units.end();
        if (known)
            out.reported.unit = named->second;
    }
    out.reported.limit = limit;
    if (window)
        out.reported.window =
            *window < rate::longest / std::chrono::seconds{1} ? std::chrono::seconds{*window} : rate::longest;
    return read_partition(from.params, out);
}

[[nodiscard]] inline fault read_remaining(const sf::item& from, const time_reader& time, quota& out) {
    const auto* const name = std::get_if<std::string>(&from.value);
    if (name == nullptr)
        return "it begins with its policy's name in quotes: \"default\";r=50;t=30";
    out.name = *name;
    std::optional<std::int64_t> reset;
    if (!optional_value(from.params, wire::state_remaining, out.reported.remaining) || !out.reported.remaining ||
        *out.reported.remaining < 0)
        return "what remains is needed, a whole number: r=50";
    if (!optional_value(from.params, wire::state_reset, reset) || (reset && *reset < 0))
        return "the reset is a whole number of seconds: t=30";
    if (reset)
        out.reported.reset = time.number({.thousandths = *reset * 1000});
    return read_partition(from.params, out);
}

/// Calls `each` with every item of a list, up to the first fault. A fault drops the whole field.
template <class Each>
[[nodiscard]] fault for_items(const sf::list& all, Each each) {
    if (all.empty())
        return "it is empty";
    if (all.size() > max_quotas)
        return "it has more than 64 policies";
    for (const sf::member& m : all) {
        const auto* const one = std::get_if<sf::item>(&m);
        if (one == nullptr)
            return "a policy is not a list in parentheses";
        if (const fault why = each(*one); !why.empty())
            return why;
    }
    return {};
}

}  // namespace weir::http::detail
