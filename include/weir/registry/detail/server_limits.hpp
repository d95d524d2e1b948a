// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/feedback.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::detail {

/// Most windows that are taken over from a server.
inline constexpr std::size_t max_server_rates = 4;

/// The most units that windows let through in `span`.
[[nodiscard]] inline std::int64_t max_in(std::span<const window> windows, duration span) noexcept {
    std::int64_t max = INT64_MAX;
    for (const window& w : windows) {
        const std::int64_t times = span / w.period + 1;
        max = std::min(max, w.limit > INT64_MAX / times ? INT64_MAX : w.limit * times);
    }
    return max;
}

/// Whether the policy's own rates never let more than `limit` through in `period`.
[[nodiscard]] inline bool implied_by(const policy& p, std::int64_t limit, duration period) noexcept {
    return std::ranges::any_of(p.rates, [&](const rate& r) {
        const std::int64_t times = (period.count() - 1) / r.period.count() + 1;
        return r.limit <= limit / times;
    });
}

/// What a server told of its limits, where that is less than `p` allows. Nothing it can say allows more.
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

/// How long to stay away by what a response tells is left.
///
/// Nothing left means until there is more. Little left means a share of the time until then, so that it lasts: less
/// than a tenth, and less than our own windows would use. A limit whose window is one of ours is told by what we sent
/// ourselves, and to whole seconds: there only what is longer than that rounding counts, unless we were refused.
/// A `Retry-After` goes before all of it.
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
