// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/stated_time.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::http {

/// Whether `Retry-After` on a response of this status can concern a limit: on redirects and on every 4xx and 5xx. On a
/// success it says when to ask for something else.
[[nodiscard]] constexpr bool may_retry_after(int status) noexcept { return status >= 300; }

namespace detail {

/// The fields that ask to come back later, and what a number in them means.
inline constexpr std::array<std::pair<std::string_view, reset_unit>, 6> retry_after_fields{{
    {"Retry-After", reset_unit::guessed},
    {"retry-after-ms", reset_unit::milliseconds},               // Azure OpenAI
    {"x-ms-retry-after-ms", reset_unit::milliseconds},          // Cosmos DB
    {"X-Retry-After", reset_unit::guessed},                     //
    {"X-RateLimit-Retry-After", reset_unit::guessed},           // Symfony, CORE
    {"X-Rate-Limit-Retry-After-Seconds", reset_unit::guessed},  // bucket4j
}};

}  // namespace detail

/// Whether any field is `Retry-After` or one of its relatives. **Complexity.** One walk over the fields.
[[nodiscard]] inline bool has_retry_after(const headers& fields) noexcept {
    return std::any_of(fields.begin(), fields.end(), [](const header& h) {
        return std::ranges::any_of(detail::retry_after_fields, [&h](const auto& field) {
            return weir::detail::same_ignoring_case(h.name, field.first);
        });
    });
}

/// The time from now that the response's `Retry-After` asks for, or one of its relatives: `retry-after-ms`,
/// `x-ms-retry-after-ms`, `X-Retry-After`, `X-RateLimit-Retry-After`, `X-Rate-Limit-Retry-After-Seconds`. If there are
/// several fields or values, it is the longest time.
///
/// A value is a number of seconds with any fraction, seconds or milliseconds since 1970 (above 10^9 and 10^12), a span
/// with its units (`6m0s`), an HTTP-date or an ISO 8601 date. A point in time is measured against the response's `Date`
/// if that is valid, else against `now`; one in the past gives 0. A time above `longest_retry_after` is cut to it, but
/// a number that would be a point in time that far away is no time.
///
/// **Errors.** Nothing if no field is present, or no value of them can be read.
[[nodiscard]] inline std::optional<duration> retry_after(const headers& fields,
                                                         std::chrono::system_clock::time_point now) {
    const detail::time_reader reader{fields, now};
    std::optional<duration> longest;
    for (const header& h : fields)
        for (const auto& [name, unit] : detail::retry_after_fields)
            if (weir::detail::same_ignoring_case(h.name, name))
                if (const auto span = reader.read(h.value, unit); span && (!longest || *span > *longest))
                    longest = span;
    return longest;
}

}  // namespace weir::http
