// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace weir::identification {

/// One request as a server saw it, as well as a log can say.
struct seen_request {
    double t = 0;  ///< seconds; when it arrived
    bool is_refused = false;
};

enum class law : std::uint8_t { sliding_log, fixed_window, two_counter, gcra };

/// A law with its numbers.
struct hypothesis {
    law by = law::sliding_log;
    std::int64_t limit = 1;  ///< N
    double period = 1;       ///< T in seconds
    std::int64_t burst = 1;  ///< of GCRA
    double phase = 0;        ///< where a window begins, in [0, T)
    bool counts_refusals = false;
    bool is_anchored = false;  ///< a window begins with the first request after the one before
};

/// Seconds by which a request was late enough to be admitted; negative: how much too early it was. Infinite where
/// nothing that is near in time could have changed the decision.
using margins = std::vector<double>;

inline constexpr double no_doubt = std::numeric_limits<double>::infinity();

namespace detail {

/// The last n times, oldest first.
class last_times {
public:
    explicit last_times(std::size_t n) : times_(n) {}
    void push(double t) {
        times_[next_] = t;
        next_ = (next_ + 1) % times_.size();
        count_ = std::min(count_ + 1, times_.size());
    }
    [[nodiscard]] bool is_full() const noexcept { return count_ == times_.size(); }
    [[nodiscard]] double oldest() const noexcept { return times_[next_]; }

private:
    std::vector<double> times_;
    std::size_t next_ = 0, count_ = 0;
};

inline void sliding_log_margins(const hypothesis& h, std::span<const seen_request> all, margins& out) {
    last_times times{static_cast<std::size_t>(h.limit)};
    for (std::size_t i = 0; i < all.size(); ++i) {
        out[i] = times.is_full() ? all[i].t - times.oldest() - h.period : no_doubt;
        if (h.counts_refusals || !all[i].is_refused)
            times.push(all[i].t);
    }
}

/// What could have changed a decision is a request on the other side of an edge: this one, or one that was counted.
inline void fixed_window_margins(const hypothesis& h, std::span<const seen_request> all, margins& out) {
    std::vector<double> now, before;  // admitted arrivals of this window and of the one before it
    double begin = all.empty() ? 0 : std::floor((all[0].t - h.phase) / h.period) * h.period + h.phase;
    if (h.is_anchored && !all.empty())
        begin = all[0].t;
    const auto limit = static_cast<std::size_t>(h.limit);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const double t = all[i].t;
        if (t >= begin + h.period) {
            const double next = h.is_anchored ? t : std::floor((t - h.phase) / h.period) * h.period + h.phase;
            const bool is_neighbour = next < begin + 1.5 * h.period;
            before.swap(now);
            if (!is_neighbour)
                before.clear();
            now.clear();
            begin = std::max(next, begin);
        }
        if (now.size() >= limit) {
            const double counted = now[now.size() - limit] - begin;
            out[i] = -std::min(begin + h.period - t, h.is_anchored ? no_doubt : counted);
        } else {
            out[i] = before.size() >= limit ? t - begin : no_doubt;
            const std::size_t lacking = limit - now.size();
            if (!h.is_anchored && before.size() >= lacking)
                out[i] = std::min(out[i], begin - before[before.size() - lacking]);
        }
        if (!all[i].is_refused)
            now.push_back(t);
    }
}

/// The sum that two counters make, for the request at each place and without it.
struct two_counter_state {
    double begin = 0;
    double before = 0, now = 0;

    void turn(const hypothesis& h, double t) {
        if (t < begin + h.period)
            return;
        const bool is_next = t < begin + 2 * h.period;
        before = is_next ? now : 0;
        now = 0;
        if (is_next)
            begin += h.period;
        else
            begin = h.is_anchored ? t : std::floor((t - h.phase) / h.period) * h.period + h.phase;
    }
    [[nodiscard]] double sum(const hypothesis& h, double t) const {
        return before * (1 - (t - begin) / h.period) + now;
    }
};

inline void two_counter_margins(const hypothesis& h, std::span<const seen_request> all, margins& out) {
    two_counter_state s;
    s.begin = all.empty() ? 0 : std::floor((all[0].t - h.phase) / h.period) * h.period + h.phase;
    const double limit = static_cast<double>(h.limit) - 1;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const double t = all[i].t;
        s.turn(h, t);
        const double room = limit - s.now, since = t - s.begin;
        if (room >= 0 && (room > 0 || s.before == 0))
            out[i] = s.before == 0 ? no_doubt : since - h.period * (1 - room / s.before);
        else if (room >= 0)
            out[i] = since - h.period;
        else
            out[i] = -(h.period - since + std::max(0.0, h.period * (1 - limit / s.now)));
        if (h.counts_refusals || !all[i].is_refused)
            ++s.now;
    }
}

inline void gcra_margins(const hypothesis& h, std::span<const seen_request> all, margins& out) {
    const double unit = h.period / static_cast<double>(h.limit);
    double full_at = -1e18;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const double t = all[i].t;
        out[i] = t - (full_at - static_cast<double>(h.burst - 1) * unit);
        if (out[i] > h.period * static_cast<double>(h.burst) + 1e6)
            out[i] = no_doubt;
        if (!all[i].is_refused)
            full_at = std::max(full_at, t) + unit;
    }
}

}  // namespace detail

/// What `h` says of each request, given what the server did with those before it. `all` is in the order of time.
inline void judge(const hypothesis& h, std::span<const seen_request> all, margins& out) {
    out.resize(all.size());
    switch (h.by) {
    case law::sliding_log:
        return detail::sliding_log_margins(h, all, out);
    case law::fixed_window:
        return detail::fixed_window_margins(h, all, out);
    case law::two_counter:
        return detail::two_counter_margins(h, all, out);
    case law::gcra:
        return detail::gcra_margins(h, all, out);
    }
}

}  // namespace weir::identification
