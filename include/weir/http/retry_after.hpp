// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/date.hpp"
#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

/// The longest `Retry-After`; a longer one is cut to it.
inline constexpr duration longest_retry_after = std::chrono::hours{24 * 366};

/// Whether `Retry-After` on a response of this status can concern a limit: redirects, 403 (some services throttle with
/// it), 413, 429 and 503.
[[nodiscard]] constexpr bool may_retry_after(int status) noexcept {
    return status == 429 || status == 503 || (status >= 300 && status < 400) || status == 403 || status == 413;
}

namespace detail {

/// The date in the fields of that name; nothing if they differ or one is malformed.
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> only_date(const headers& fields, std::string_view name,
                                                                       std::chrono::system_clock::time_point now) {
    std::optional<std::chrono::sys_seconds> out;
    for (const header& h : fields) {
        if (!weir::detail::same_ignoring_case(h.name, name))
            continue;
        const auto date = parse_http_date(h.value, now);
        if (!date || (out && *out != *date))
            return std::nullopt;
        out = date;
    }
    return out;
}

/// Reads delta-seconds: digits alone, cut to `longest_retry_after`.
[[nodiscard]] constexpr std::optional<std::chrono::seconds> delta_seconds(std::string_view text) noexcept {
    constexpr std::int64_t max = longest_retry_after / std::chrono::seconds{1};
    if (text.empty())
        return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text) {
        if (!weir::detail::is_digit(c))
            return std::nullopt;
        value = std::min(value * 10 + (c - '0'), max);
    }
    return std::chrono::seconds{value};
}

[[nodiscard]] inline std::optional<duration> one_retry_after(std::string_view value, const headers& fields,
                                                             std::chrono::system_clock::time_point now) {
    value = weir::detail::trim(value);
    if (const auto delta = delta_seconds(value))
        return *delta;
    const auto until = parse_http_date(value, now);
    if (!until)
        return std::nullopt;
    // Measured by the server's own clock if the response has a Date: the two clocks may differ by minutes.
    const auto date = only_date(fields, "Date", now);
    const auto from = date ? *date : std::chrono::floor<std::chrono::seconds>(now);
    return std::clamp<std::chrono::seconds>(*until - from, std::chrono::seconds{0},
                                            std::chrono::duration_cast<std::chrono::seconds>(longest_retry_after));
}

}  // namespace detail

/// The time from now that the response's `Retry-After` asks for: delta-seconds, or a date. A date is measured against
/// the response's `Date` if that is valid, else against `now`. A date in the past gives 0; a time above
/// `longest_retry_after` is cut to it.
///
/// **Errors.** Nothing if the field is absent, malformed, or repeated with another value.
[[nodiscard]] inline std::optional<duration> retry_after(const headers& fields,
                                                         std::chrono::system_clock::time_point now) {
    std::optional<duration> out;
    for (const header& h : fields) {
        if (!weir::detail::same_ignoring_case(h.name, "Retry-After"))
            continue;
        const auto span = detail::one_retry_after(h.value, fields, now);
        if (!span || (out && *out != *span))
            return std::nullopt;
        out = span;
    }
    return out;
}

}  // namespace weir::http
