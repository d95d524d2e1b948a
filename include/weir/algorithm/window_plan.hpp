// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {

/// One window as it is enforced: `limit` units per `period`, after multiplier, margin and burst have been applied.
struct window {
    std::int64_t limit;  ///< N' = ⌈N·m⌉
    duration period;     ///< T' = T·N'/(N·m) + margin, rounded up to the nanosecond
    /// Units before it are not counted: the server reported the limit then.
    instant since = long_ago;
};

/// The largest limit whose window is kept in exact stamps. Above it the log uses cells of T/1024.
inline constexpr std::int64_t max_exact = 65'536;
inline constexpr std::int64_t coarse_cells = 1024;

/// How much of the past a log must keep, and how finely.
struct retention {
    std::size_t exact = 64;                      ///< units kept as exact stamps
    duration longest = duration::zero();         ///< stamps older than this decide nothing under the present plan
    duration keep = std::chrono::hours{24 * 8};  ///< stamps older than this are forgotten
    std::vector<duration> coarse{};              ///< periods T of the windows above `max_exact`, shortest first

    /// How wide a new cell is; zero = it holds the units of one instant.
    [[nodiscard]] duration new_cell_width() const noexcept {
        return coarse.empty() ? duration::zero() : coarse.front() / coarse_cells;
    }
    /// The greatest width of a cell whose newest unit is `age` old: a 1024th of the shortest coarse window that still
    /// reaches it. If no window reaches it, only a reload can need it, and a quarter of the age is fine enough. So two
    /// or three thousand cells are enough for a window of a second and one of a year together, and a hundred for a key
    /// without coarse windows.
    [[nodiscard]] duration cell_width(duration age) const noexcept {
        duration width = age / 4;
        if (const auto looks = std::ranges::upper_bound(coarse, age); looks != coarse.end())
            width = std::min(width, *looks / coarse_cells);
        return std::max(width, coarse.empty() ? longest / 64 : new_cell_width());
    }
};

/// A policy and a multiplier as the windows that enforce them. Immutable once built; keys with equal policies share
/// one.
struct window_plan {
    std::vector<window> windows;  ///< as the rates stand in the policy, then the burst window
    std::vector<rate> shown;      ///< the rate each window comes from, for messages
    retention kept;
    std::int64_t max_concurrent = 0;  ///< 0 = no ceiling
    bool count_head = false;
    bool from_response = true;
    duration max_delay{};
    duration max_hold = forever;  ///< a gate farther away is not waited for
    bool enforce = true;          ///< false: a request that is denied is entered all the same
    /// The greatest cost of one request: the smallest limit among the rates of the policy. A window may be smaller than
    /// that because of the burst, a cut or a server's limit. A request that costs more than such a window holds is
    /// admitted when the window is empty.
    std::int64_t max_cost = INT64_MAX;

    /// Whether any window does not count what was before a time.
    [[nodiscard]] bool has_since() const noexcept {
        return std::ranges::any_of(windows, [](const window& w) { return w.since > long_ago; });
    }
    /// The plan at `now`, with such windows as short as the time since then. For stores that know no such time.
    [[nodiscard]] window_plan as_of(instant now) const {
        constexpr duration inclusive = std::chrono::milliseconds{1};
        window_plan out = *this;
        for (window& w : out.windows)
            if (const instant since = std::exchange(w.since, long_ago); since > long_ago)
                w.period = std::min(w.period, std::max(now - since, duration::zero()) + inclusive);
        return out;
    }
};

/// The limits that a server reported, where they are below the policy's.
struct server_rates {
    std::vector<rate> rates{};        ///< not scaled by the tuner's factor
    std::int64_t max_concurrent = 0;  ///< 0 = the server reported none
    /// From when on each rate counts. A rate without one counts all units.
    std::vector<instant> since{};

    friend bool operator==(const server_rates&, const server_rates&) = default;
};

namespace detail {

__extension__ typedef unsigned __int128 wide;

[[nodiscard]] constexpr std::int64_t ceil_div(wide numerator, wide denominator) noexcept {
    return static_cast<std::int64_t>((numerator + denominator - 1) / denominator);
}

/// Scales N per T by m: N' = ⌈N·m⌉ and T' = ⌈T·N'/(N·m)⌉. The average stays N·m per T whatever N is.
[[nodiscard]] constexpr window scale(std::int64_t limit, duration period, multiplier m) noexcept {
    if (m.is_one())
        return {limit, period, long_ago};
    const auto n = static_cast<wide>(limit) * static_cast<wide>(m.millionths());
    const std::int64_t scaled = ceil_div(n, static_cast<wide>(multiplier::one));
    const auto span =
        static_cast<wide>(period.count()) * static_cast<wide>(scaled) * static_cast<wide>(multiplier::one);
    const auto capped = std::min((span + n - 1) / n, static_cast<wide>((far_future - instant{}).count() / 4));
    return {scaled, duration{static_cast<std::int64_t>(capped)}, long_ago};
}

}  // namespace detail

/// Builds the windows of `p` under `m`, and those of the reported limits.
///
/// **Preconditions.** `faults_of(p)` is empty. **Complexity.** O(rates).
[[nodiscard]] inline window_plan plan_windows(const policy& p, multiplier m = {},
                                              const server_rates* server = nullptr) {
    window_plan out;
    out.max_concurrent = p.max_concurrent;
    out.count_head = p.count_head;
    out.from_response = p.count_from == counting::response;
    out.max_delay = p.max_delay;
    out.max_hold = p.max_hold;
    out.enforce = p.enforce;
    out.windows.reserve(p.rates.size() + 1);
    out.shown = p.rates;
    for (const rate& r : p.rates) {
        out.windows.push_back(detail::scale(r.limit, r.period, m));
        out.max_cost = std::min(out.max_cost, r.limit);
    }
    if (p.burst > 0 && !p.rates.empty()) {
        const rate& densest = *std::ranges::min_element(p.rates, [](const rate& a, const rate& b) {
            return static_cast<detail::wide>(a.period.count()) * static_cast<detail::wide>(b.limit) <
                   static_cast<detail::wide>(b.period.count()) * static_cast<detail::wide>(a.limit);
        });
        // A burst b is the window (b, b·T/N). If b >= N, the rate itself is at least as strict.
        if (p.burst < densest.limit) {
            const auto period =
                detail::ceil_div(static_cast<detail::wide>(p.burst) * static_cast<detail::wide>(densest.period.count()),
                                 static_cast<detail::wide>(densest.limit));
            out.windows.push_back(detail::scale(p.burst, duration{period}, m));
            out.shown.push_back(densest);
        }
    }
    if (server != nullptr) {
        for (std::size_t i = 0; i < server->rates.size(); ++i) {
            const rate& r = server->rates[i];
            out.windows.push_back({r.limit, r.period, i < server->since.size() ? server->since[i] : long_ago});
            out.shown.push_back(r);
        }
        if (server->max_concurrent > 0 && (p.max_concurrent == 0 || server->max_concurrent < p.max_concurrent))
            out.max_concurrent = server->max_concurrent;
    }
    for (window& w : out.windows) {
        w.period += p.margin;
        out.kept.longest = std::max(out.kept.longest, w.period);
        if (w.limit <= max_exact) {
            out.kept.exact = std::max(out.kept.exact, static_cast<std::size_t>(w.limit));
        } else {
            out.kept.coarse.push_back(w.period);
        }
    }
    std::ranges::sort(out.kept.coarse);
    out.kept.keep = std::max(out.kept.keep, out.kept.longest);
    return out;
}

}  // namespace weir
