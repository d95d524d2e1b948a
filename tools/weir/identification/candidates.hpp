// SPDX-License-Identifier: MIT
#pragma once

#include "laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// Which numbers of a law are worth a try. They come from the log: how much was counted when a request was refused, and
// when it was not. Only periods come from a list, because services write round ones.

namespace weir::identification {

/// Seconds.
[[nodiscard]] inline std::vector<double> round_periods(double longest) {
    std::vector<double> out;
    const auto add = [&](double unit, std::initializer_list<double> counts) {
        for (const double n : counts)
            if (n * unit <= longest)
                out.push_back(n * unit);
    };
    add(0.001, {100, 200, 250, 500});
    add(1, {1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45});
    add(60, {1, 2, 3, 5, 10, 15, 20, 30});
    add(3600, {1, 2, 3, 4, 6, 8, 12});
    add(86400, {1, 2, 7, 30});
    return out;
}

namespace detail {

/// The value below which `part` of all lie.
inline double quantile(std::vector<double>& all, double part) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), at, all.end());
    return *at;
}

/// Counts at which requests were refused, and the most at which one was admitted.
struct counted {
    std::vector<double> at_refusals{};
    double max_admitted = 0;

    void add(bool is_refused, double count) {
        if (is_refused)
            at_refusals.push_back(count);
        else
            max_admitted = std::max(max_admitted, count);
    }
    /// Limits that these counts may have had. A count is rounded up: it may be a weighted sum.
    [[nodiscard]] std::vector<std::int64_t> limits() {
        std::vector<std::int64_t> out{static_cast<std::int64_t>(std::floor(max_admitted + 1 + 1e-6)),
                                      static_cast<std::int64_t>(std::ceil(max_admitted - 1e-6))};
        if (!at_refusals.empty())
            for (const double part : {0.0, 0.02, 0.1, 0.25, 0.5, 0.75})
                out.push_back(static_cast<std::int64_t>(std::ceil(quantile(at_refusals, part) - 1e-6)));
        std::erase_if(out, [](std::int64_t n) { return n < 1; });
        std::ranges::sort(out);
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }
};

inline counted sliding_counts(const hypothesis& h, std::span<const seen_request> all) {
    counted out;
    std::vector<double> times;
    std::size_t first = 0;
    for (const seen_request& r : all) {
        while (first < times.size() && times[first] <= r.t - h.period)
            ++first;
        out.add(r.is_refused, static_cast<double>(times.size() - first));
        if (h.counts_refusals || !r.is_refused)
            times.push_back(r.t);
    }
    return out;
}

inline counted two_counter_counts(const hypothesis& h, std::span<const seen_request> all) {
    counted out;
    two_counter_state s;
    s.begin = all.empty() ? 0 : std::floor((all[0].t - h.phase) / h.period) * h.period + h.phase;
    for (const seen_request& r : all) {
        s.turn(h, r.t);
        out.add(r.is_refused, s.sum(h, r.t));
        if (h.counts_refusals || !r.is_refused)
            ++s.now;
    }
    return out;
}

inline counted fixed_counts(const hypothesis& h, std::span<const seen_request> all) {
    counted out;
    double begin = -1e18, count = 0;
    for (const seen_request& r : all) {
        if (r.t >= begin + h.period) {
            begin = h.is_anchored ? r.t : std::floor((r.t - h.phase) / h.period) * h.period + h.phase;
            count = 0;
        }
        out.add(r.is_refused, count);
        if (!r.is_refused)
            ++count;
    }
    return out;
}

/// What is saved up is counted as GCRA does: the units that have not flowed back yet.
inline counted gcra_counts(const hypothesis& h, std::span<const seen_request> all) {
    counted out;
    const double unit = h.period / static_cast<double>(h.limit);
    double full_at = -1e18;
    for (const seen_request& r : all) {
        out.add(r.is_refused, std::max(0.0, (full_at - r.t) / unit));
        if (!r.is_refused)
            full_at = std::max(full_at, r.t) + unit;
    }
    return out;
}

}  // namespace detail

/// The same law and period with each limit that the log makes possible.
[[nodiscard]] inline std::vector<hypothesis> with_limits(const hypothesis& h, std::span<const seen_request> all) {
    std::vector<hypothesis> out;
    detail::counted found = h.by == law::sliding_log    ? detail::sliding_counts(h, all)
                            : h.by == law::fixed_window ? detail::fixed_counts(h, all)
                            : h.by == law::two_counter  ? detail::two_counter_counts(h, all)
                                                        : detail::gcra_counts(h, all);
    for (const std::int64_t n : found.limits()) {
        if (n > static_cast<std::int64_t>(all.size()))
            continue;
        hypothesis one = h;
        (h.by == law::gcra ? one.burst : one.limit) = n;
        out.push_back(one);
    }
    return out;
}

/// Rates N/T as services write them, between `slowest` and `fastest` requests a second.
[[nodiscard]] inline std::vector<hypothesis> round_rates(double slowest, double fastest) {
    std::vector<hypothesis> out;
    const auto add = [&](std::int64_t n, double period) {
        const double rate = static_cast<double>(n) / period;
        const bool is_known = std::ranges::any_of(out, [&](const hypothesis& h) {
            return std::abs(static_cast<double>(h.limit) / h.period - rate) < 1e-9 * rate;
        });
        // A limit of 10 a second is not written as 864,000 a day.
        const bool is_slow = period < 1000 || rate <= (period < 10'000 ? 2 : 0.1);
        if (rate >= slowest && rate <= fastest && is_slow && !is_known)
            out.push_back({.by = law::gcra, .limit = n, .period = period});
    };
    for (std::int64_t n = 1; n < 60; ++n)
        add(n, 1);
    for (std::int64_t n = 1; n < 60; ++n)
        add(n, 60);
    // Longer numbers have two digits that count, and those of hours and days are the rounder ones.
    for (const double period : {1.0, 60.0, 3600.0, 86400.0})
        for (std::int64_t ten = 1; ten <= 100'000; ten *= 10)
            for (const std::int64_t digits :
                 {10, 12, 15, 20, 25, 30, 35, 36, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95})
                if (period < 100 || digits % 10 == 0 || digits == 12 || digits == 15 || digits == 25)
                    add(digits * ten, period);
    for (std::int64_t n = 1; n < 10; ++n) {
        add(n, 3600);
        add(n, 86400);
    }
    for (const double seconds : {7.0, 8.0})
        add(1, seconds);
    return out;
}

}  // namespace weir::identification
