// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/key_notes.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/detail/limit_notes.hpp"
#include "weir/observe/feedback.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::detail {

/// The maximum of units that the windows admit in `span`.
[[nodiscard]] inline std::int64_t max_in(std::span<const window> windows, duration span) noexcept {
    std::int64_t max = INT64_MAX;
    for (const window& w : windows) {
        const std::int64_t times = span / w.period + 1;
        max = std::min(max, w.limit > INT64_MAX / times ? INT64_MAX : w.limit * times);
    }
    return max;
}

/// How long until the limit has units again, if nothing of it is left. A reset of 0 is a second that was rounded down.
/// A limit that states no reset gives one unit in that share of its window.
[[nodiscard]] inline duration until_more(const reported_limit& l) noexcept {
    if (l.reset)
        return *l.reset > duration::zero() ? *l.reset : std::chrono::seconds{1};
    return l.remaining && l.window && l.limit && *l.limit > 0 ? *l.window / *l.limit : duration::zero();
}

/// The maximum that was ever reported as left of a limit that does not state its size.
[[nodiscard]] inline std::int64_t max_left_of(const reported_limit& l, limit_list* known) noexcept {
    const limit_note* n = known == nullptr ? nullptr : find_note(*known, hash_of(l));
    return std::max(n == nullptr ? 0 : n->max_left, l.remaining.value_or(0));
}

/// How long to send nothing because of what a response reports as left.
///
/// If nothing is left: until more is available. If little is left: a share of the time until then, so that it lasts.
/// Little means less than a tenth, and less than our own windows would use. If the limit's window is one of ours, the
/// report follows from our own requests, and in whole seconds. Then only a wait longer than that rounding counts,
/// unless we were refused.
///
/// A limit that does not state its size has the size of the most that was reported as left.
///
/// After a refusal, a limit that does not report what is left has nothing left. If a 429 or 420 states neither
/// `Retry-After` nor such a limit, too little was left for what the request costs: then every reset counts.
[[nodiscard]] inline duration server_wait(const feedback& said, bool is_refused, const window_plan& plan,
                                          limit_list* known, instant now) noexcept {
    // What is left of one limit says nothing of the next request, if that may concern another one.
    if (!is_refused && known != nullptr && is_mixed(*known, said.limits, now))
        return duration::zero();
    const bool says_when = said.retry_after && *said.retry_after > duration::zero();
    duration none_left{}, little_left{}, some_left{};
    for (const reported_limit& l : said.limits) {
        if (l.unit == limit_unit::concurrent_requests || (!l.remaining && !is_refused))
            continue;
        const bool is_ours = l.unit == limit_unit::requests && l.limit && l.window &&
                             std::ranges::any_of(plan.windows, [&](const window& w) {
                                 return w.limit <= *l.limit && w.period >= *l.window;
                             });
        if (l.remaining.value_or(0) <= 0) {
            const duration wait = until_more(l);
            if (!is_ours || is_refused || (l.reset && wait > std::chrono::seconds{1}))
                none_left = std::max(none_left, wait);
        } else if (l.reset) {
            some_left = std::max(some_left, *l.reset);
            const std::int64_t limit = l.limit ? *l.limit : max_left_of(l, known);
            if (!is_ours && l.unit == limit_unit::requests && *l.remaining < limit / 10 &&
                *l.remaining < max_in(plan.windows, *l.reset))
                little_left = std::max(little_left, *l.reset / (*l.remaining + 1));
        }
    }
    if (says_when)
        return none_left;
    if (is_refused && none_left == duration::zero() && (said.status == 429 || said.status == 420))
        return some_left;
    return std::max(none_left, little_left);
}

}  // namespace weir::detail
