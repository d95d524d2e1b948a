// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/date.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>

namespace weir::http {

/// Statuses that a cache may keep without explicit freshness (RFC 9110 §15.1). 206 is among them for caches that know
/// ranges.
[[nodiscard]] inline bool heuristically_cacheable(int status) noexcept {
    constexpr std::array known{200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};
    return std::ranges::find(known, status) != known.end();
}

/// The seconds that a response had spent in other caches: its `Age`. The first member of the field counts. A value that
/// is no number counts as none (RFC 9111 §5.1).
[[nodiscard]] inline std::chrono::seconds stated_age(const headers& fields) {
    const auto text = fields.first("Age");
    if (!text)
        return std::chrono::seconds{0};
    const auto members = detail::list_members(*text);
    return members.empty() ? std::chrono::seconds{0}
                           : detail::delta_seconds(members.front()).value_or(std::chrono::seconds{0});
}

/// The age of a stored response at `now` (RFC 9111 §4.2.3): the time since the server made or last validated it.
[[nodiscard]] inline std::chrono::milliseconds current_age(const stored_response& stored, wall_time now) {
    using std::chrono::milliseconds;
    const auto date = stored.headers.first("Date");
    const auto made = date ? parse_http_date(*date, stored.received) : std::nullopt;
    const milliseconds apparent =
        made ? std::max(milliseconds{0}, milliseconds{stored.received - wall_time{*made}}) : milliseconds{0};
    const milliseconds corrected = stated_age(stored.headers) + (stored.received - stored.requested);
    // `Date` has no fractions of a second, so an apparent age below one second is none.
    const milliseconds initial = std::max(apparent < milliseconds{1000} ? milliseconds{0} : apparent, corrected);
    return initial + std::max(milliseconds{0}, milliseconds{now - stored.received});
}

/// For how long after it was made a response is fresh (RFC 9111 §4.2.1), for a private cache: `s-maxage` is for others.
///
/// `heuristic` is the share of the time since `Last-Modified` that is taken if the response states nothing.
/// **Errors.** A time that cannot be read is in the past.
[[nodiscard]] inline std::chrono::milliseconds freshness_lifetime(const stored_response& stored,
                                                                  const cache_control& said, double heuristic) {
    using std::chrono::milliseconds;
    if (said.max_age)
        return *said.max_age;
    const auto date_text = stored.headers.first("Date");
    const auto date = date_text ? parse_http_date(*date_text, stored.received) : std::nullopt;
    const wall_time made = date ? wall_time{*date} : stored.received;
    if (const auto text = stored.headers.first("Expires")) {
        const auto expires = parse_http_date(*text, stored.received);
        return expires ? std::max(milliseconds{0}, milliseconds{wall_time{*expires} - made}) : milliseconds{0};
    }
    if (!heuristically_cacheable(stored.status) && !said.is_public)
        return milliseconds{0};
    const auto text = stored.headers.first("Last-Modified");
    const auto modified = text ? parse_http_date(*text, stored.received) : std::nullopt;
    if (!modified || wall_time{*modified} >= made)
        return milliseconds{0};
    const std::chrono::duration<double, std::milli> since = made - wall_time{*modified};
    return std::chrono::duration_cast<milliseconds>(since * heuristic);
}

}  // namespace weir::http
