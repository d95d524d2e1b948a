// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/observe/feedback.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::detail {

/// The maximum of windows that a server's response adds.
inline constexpr std::size_t max_server_rates = 4;

/// The maximum of units that the windows admit in `span`.
[[nodiscard]] inline std::int64_t max_in(std::span<const window> windows, duration span) noexcept {
    std::int64_t max = INT64_MAX;
    for (const window& w : windows) {
        const std::int64_t times = span / w.period + 1;
        max = std::min(max, w.limit > INT64_MAX / times ? INT64_MAX : w.limit * times);
    }
    return max;
}

/// Whether the policy's own rates never admit more than `limit` in `period`.
[[nodiscard]] inline bool implied_by(const policy& p, std::int64_t limit, duration period) noexcept {
    return std::ranges::any_of(p.rates, [&](const rate& r) {
        const std::int64_t times = (period.count() - 1) / r.period.count() + 1;
        return r.limit <= limit / times;
    });
}

/// The limits that a server reported, where they are below those of `p`. A server can never allow more than the policy.
[[nodiscard]] inline server_rates lower_than(const policy& p, std::span<const reported_limit> limits) {
    server_rates out;
    for (const reported_limit& l : limits) {
        if (!l.limit || *l.limit < 1)
            continue;
        if (l.unit == limit_unit::concurrent_requests) {
            if ((p.max_concurrent == 0 || *l.limit < p.max_concurrent) &&
                (out.max_concurrent == 0 || *l.limit < out.max_concurrent))
                out.max_concurrent = *l.limit;
        } else if (l.unit == limit_unit::requests && l.window && out.rates.size() < max_server_rates) {
            const rate r{*l.limit, std::clamp(*l.window, rate::shortest, rate::longest)};
            if (r.limit <= rate::max && !implied_by(p, r.limit, r.period))
                out.rates.push_back(r);
        }
    }
    return out;
}

/// How long to send nothing because of what a response reports as left.
///
/// If nothing is left: until more is available. If little is left: a share of the time until then, so that it lasts.
/// Little means less than a tenth, and less than our own windows would use. If the limit's window is one of ours, the
/// report follows from our own requests, and in whole seconds. Then only a wait longer than that rounding counts,
/// unless we were refused. A `Retry-After` takes precedence over all of this.
[[nodiscard]] inline duration server_wait(const feedback& said, const window_plan& plan) noexcept {
    if (said.retry_after)
        return duration::zero();
    duration wait{};
    for (const reported_limit& l : said.limits) {
        if (l.unit == limit_unit::concurrent_requests || !l.remaining || !l.reset || *l.remaining < 0)
            continue;
        const bool is_ours = l.unit == limit_unit::requests && l.limit && l.window &&
                             std::ranges::any_of(plan.windows, [&](const window& w) {
                                 return w.limit <= *l.limit && w.period >= *l.window;
                             });
        if (*l.remaining == 0) {
            if (!is_ours || said.refuses() || *l.reset > std::chrono::seconds{1})
                wait = std::max(wait, *l.reset);
        } else if (!is_ours && l.unit == limit_unit::requests && (!l.limit || *l.remaining < *l.limit / 10) &&
                   *l.remaining < max_in(plan.windows, *l.reset)) {
            wait = std::max(wait, *l.reset / (*l.remaining + 1));
        }
    }
    return wait;
}

}  // namespace weir::detail
