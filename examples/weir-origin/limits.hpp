// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

/// Server-side limits, four ways. Every model is pure: time is a parameter, counted from any fixed origin at or before
/// the first call, and never goes back. Nothing here is shared with weir, so that this program can judge it.
namespace origin {

using nanos = std::chrono::nanoseconds;

/// At most `limit` requests per `per`. Preconditions: both are at least 1.
struct rate {
    std::int64_t limit;
    nanos per;

    friend bool operator==(const rate&, const rate&) = default;
};

enum class model_kind { sliding_log, fixed_window, two_counter, gcra };

namespace detail {

__extension__ typedef __int128 wide;  // N * T in nanoseconds leaves 64 bits behind at 100,000/day

}  // namespace detail

/// Remembers every admitted arrival: no half-open interval of length T ever holds more than N.
class sliding_log {
public:
    explicit sliding_log(rate r) : rate_{r} {}

    /// Time until an arrival would be admitted; zero when it would be now.
    [[nodiscard]] nanos wait(nanos now) {
        while (!stamps_.empty() && stamps_.front() <= now - rate_.per) {
            stamps_.pop_front();
        }
        if (std::cmp_less(stamps_.size(), rate_.limit)) {
            return nanos{0};
        }
        return stamps_.front() + rate_.per - now;
    }

    /// Preconditions: `wait(now)` was zero.
    void admit(nanos now) { stamps_.push_back(now); }

private:
    rate rate_;
    std::deque<nanos> stamps_;
};

/// Counts from zero in every window [kT, (k+1)T): up to 2N may pass around an edge.
class fixed_window {
public:
    explicit fixed_window(rate r) : rate_{r} {}

    [[nodiscard]] nanos wait(nanos now) {
        if (const auto window = now / rate_.per; window != window_) {
            window_ = window;
            count_ = 0;
        }
        return count_ < rate_.limit ? nanos{0} : (window_ + 1) * rate_.per - now;
    }

    void admit(nanos) { ++count_; }

private:
    rate rate_;
    std::int64_t window_ = 0;
    std::int64_t count_ = 0;
};

/// Two fixed windows, the previous one weighted by the share of it that a sliding window would still cover.
/// Admits when previous * (T - elapsed) / T + current + 1 <= N, in exact arithmetic.
class two_counter {
public:
    explicit two_counter(rate r) : rate_{r} {}

    [[nodiscard]] nanos wait(nanos now) {
        turn(now / rate_.per);
        const std::int64_t elapsed = (now - window_ * rate_.per).count();
        if (const std::int64_t room = rate_.limit - current_ - 1; room >= 0) {
            return nanos{std::max<std::int64_t>(0, first_fit(previous_, room) - elapsed)};
        }
        // Full by itself: the earliest chance is in the next window, where the current count is the weighted one.
        return nanos{rate_.per.count() - elapsed + first_fit(current_, rate_.limit - 1)};
    }

    void admit(nanos) { ++current_; }

private:
    /// Smallest offset e into a window such that weighted * (T - e) <= room * T.
    [[nodiscard]] std::int64_t first_fit(std::int64_t weighted, std::int64_t room) const {
        const std::int64_t per = rate_.per.count();
        if (weighted <= room) {
            return 0;
        }
        return per - static_cast<std::int64_t>(detail::wide{room} * per / weighted);
    }

    void turn(std::int64_t window) {
        if (window == window_) {
            return;
        }
        previous_ = window == window_ + 1 ? current_ : 0;
        current_ = 0;
        window_ = window;
    }

    rate rate_;
    std::int64_t window_ = 0;
    std::int64_t previous_ = 0;
    std::int64_t current_ = 0;
};

/// Generic cell rate: one unit flows back every T/N, at most `burst` units are saved. Kept in N-ths of a nanosecond, so
/// that T/N is exact.
class gcra {
public:
    explicit gcra(rate r, std::optional<std::int64_t> burst = std::nullopt)
        : rate_{r}, burst_{burst.value_or(r.limit)} {}

    [[nodiscard]] nanos wait(nanos now) const {
        const auto scaled = detail::wide{now.count()} * rate_.limit;
        const auto early = full_at_ - scaled - detail::wide{burst_ - 1} * rate_.per.count();
        return nanos{early <= 0 ? 0 : static_cast<std::int64_t>((early + rate_.limit - 1) / rate_.limit)};
    }

    void admit(nanos now) {
        full_at_ = std::max(full_at_, detail::wide{now.count()} * rate_.limit) + rate_.per.count();
    }

private:
    rate rate_;
    std::int64_t burst_;
    detail::wide full_at_ = 0;  // when all saved units would be back
};

/// All rates of one (listener, role) under one model, decided together: admitted by all or counted by none.
///
/// **Thread safety:** none; the caller holds one lock around `decide`.
class limiter {
public:
    limiter() = default;

    limiter(model_kind kind, const std::vector<rate>& rates, std::optional<std::int64_t> burst = std::nullopt) {
        for (const rate& r : rates) {
            switch (kind) {
            case model_kind::sliding_log:
                models_.emplace_back(sliding_log{r});
                break;
            case model_kind::fixed_window:
                models_.emplace_back(fixed_window{r});
                break;
            case model_kind::two_counter:
                models_.emplace_back(two_counter{r});
                break;
            case model_kind::gcra:
                models_.emplace_back(gcra{r, burst});
                break;
            }
        }
    }

    /// Zero when the arrival is admitted (and now counted), otherwise the time after which one would be.
    [[nodiscard]] nanos decide(nanos now) {
        nanos longest{0};
        for (auto& m : models_) {
            longest = std::max(longest, std::visit([&](auto& one) { return one.wait(now); }, m));
        }
        if (longest == nanos{0}) {
            for (auto& m : models_) {
                std::visit([&](auto& one) { one.admit(now); }, m);
            }
        }
        return longest;
    }

    /// Counts an arrival that was admitted by other limits than these.
    void count(nanos now) {
        for (auto& m : models_) {
            std::visit(
                [&](auto& one) {
                    static_cast<void>(one.wait(now));
                    one.admit(now);
                },
                m);
        }
    }

private:
    std::vector<std::variant<sliding_log, fixed_window, two_counter, gcra>> models_;
};

}  // namespace origin
