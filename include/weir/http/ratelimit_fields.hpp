// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/ratelimit_names.hpp"
#include "weir/http/detail/ratelimit_reader.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"

#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>

namespace weir::http {

/// Whether the name of any field is one that states quotas. **Complexity.** One walk over the fields.
[[nodiscard]] inline bool may_tell_quotas(const headers& fields) noexcept {
    return std::any_of(fields.begin(), fields.end(), [](const header& h) { return detail::wire::may_be_one(h.name); });
}

/// The quotas that a response's fields state:
///
/// - `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10 and -11), joined by policy name and
///   partition;
/// - `RateLimit: limit=100, remaining=50, reset=5` (-07), with the window of the policy that has this limit;
/// - if there is no `RateLimit`: the first of `RateLimit-Limit/-Remaining/-Reset` (-00 to -06), `X-RateLimit-*`,
///   `X-Rate-Limit-*` and `X-RateLimit-*-Requests` that is present; `X-Rate-Limit-Interval` is its window;
/// - `X-Concurrency-Limit`.
///
/// `unit` says what the number in a non-standard `Reset` field means. `now` is used for a `Reset` that is a point in
/// time, if the response has no `Date`. Every time is read as `retry_after` reads it. A quota does not guarantee that a
/// request is served.
///
/// **Errors.** A malformed field is dropped whole. A policy in an unknown unit is dropped with its state. All fields
/// are dropped on a response with `Age` above 0, because a cache's counters are stale. `dropped` has a sentence for
/// each.
/// **Complexity.** One walk over the fields and no allocation if none of them states a quota; else a few walks.
[[nodiscard]] inline quota_reading read_ratelimit_fields(const headers& fields,
                                                         std::chrono::system_clock::time_point now,
                                                         reset_unit unit = reset_unit::guessed) {
    if (!may_tell_quotas(fields))
        return {};
    quota_reading read = detail::ratelimit_reader{fields, now, unit}.read();
    if (read.quotas.empty())
        return read;
    if (const auto age = fields.first("Age")) {
        // An Age that is no number says nothing (RFC 9111 §5.1).
        const std::string_view seconds = weir::detail::trim(age->substr(0, age->find(',')));
        if (seconds.find_first_not_of("0123456789") == std::string_view::npos &&
            seconds.find_first_not_of('0') != std::string_view::npos)
            return {.quotas = {},
                    .dropped = {fmt::format("rate limit fields ignored: a cache has held them for {} s (Age)",
                                            seconds.substr(0, 20))}};
    }
    return read;
}

}  // namespace weir::http
