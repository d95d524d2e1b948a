// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace weir::simulation {

/// Other laws, for comparison: when the next request may go, by what was sent and heard.
class rival {
public:
    rival() = default;
    rival(const rival&) = delete;
    rival& operator=(const rival&) = delete;
    virtual ~rival() = default;

    /// When one more request may go at the earliest, not before `now`; `far_future` = never.
    [[nodiscard]] virtual instant earliest(instant now) = 0;
    virtual void sent(instant at) = 0;
    virtual void answered(int status, instant now) = 0;
};

/// Sends at once.
class no_limiter final : public rival {
public:
    [[nodiscard]] instant earliest(instant now) override { return now; }
    void sent(instant) override {}
    void answered(int, instant) override {}
};

/// Windows that count admissions, as most limiters have them.
class admission_windows : public rival {
public:
    explicit admission_windows(std::vector<rate> rates) : rates_(std::move(rates)) {}

    [[nodiscard]] instant earliest(instant now) override {
        instant at = now;
        for (const rate& r : rates_) {
            if (r.limit < 1)
                return far_future;
            if (const auto n = static_cast<std::size_t>(r.limit); log_.size() >= n)
                at = std::max(at, log_[log_.size() - n] + r.period);
        }
        return at;
    }
    void sent(instant at) override {
        log_.push_back(at);
        std::int64_t max = 1;
        for (const rate& r : rates_)
            max = std::max(max, r.limit);
        while (log_.size() > static_cast<std::size_t>(max))
            log_.pop_front();
    }
    void answered(int, instant) override {}

protected:
    void limit_to(std::vector<rate> rates) {
        rates_ = std::move(rates);
        log_.clear();
    }

private:
    std::vector<rate> rates_;
    std::deque<instant> log_;
};

/// The law of DocsToKG: both ways multiplicative, a factor that truncates, and a new limiter with each change, which
/// has forgotten what was sent. A limit of 0 stays so, for nothing is heard any more.
class docstokg_law final : public admission_windows {
public:
    docstokg_law(std::vector<rate> rates, const aimd_options& o)
        : admission_windows(rates), configured_(std::move(rates)), o_(o),
          window_(static_cast<std::int64_t>(o.window_s * 1e9)) {}

    [[nodiscard]] instant earliest(instant now) override {
        tick(now);
        return admission_windows::earliest(now);
    }
    void answered(int status, instant now) override {
        tick(now);
        ++answers_;
        refusals_ += status == 429 || status == 503 ? 1 : 0;
    }

private:
    void tick(instant now) {
        if (now - began_ < window_)
            return;
        began_ = now;
        if (answers_ == 0)
            return;
        const bool is_high = static_cast<double>(refusals_) >= o_.high_429_ratio * static_cast<double>(answers_);
        const double m = is_high ? std::max(o_.min_multiplier, m_ * (1 - o_.decrease_step_pct / 100))
                                 : std::min(o_.max_multiplier, m_ * (1 + o_.increase_step_pct / 100));
        answers_ = refusals_ = 0;
        if (std::abs(m - m_) <= 0.001)
            return;
        m_ = m;
        std::vector<rate> scaled = configured_;
        for (rate& r : scaled)
            r.limit = static_cast<std::int64_t>(static_cast<double>(r.limit) * m_);
        limit_to(std::move(scaled));
    }

    std::vector<rate> configured_;
    aimd_options o_;
    duration window_;
    instant began_{};
    double m_ = 1;
    std::int64_t answers_ = 0, refusals_ = 0;
};

/// The client rate limiter of the AWS SDKs' adaptive retry mode (a token bucket whose fill rate follows CUBIC), within
/// the configured windows.
class aws_law final : public admission_windows {
public:
    using admission_windows::admission_windows;

    [[nodiscard]] instant earliest(instant now) override {
        const instant allowed = admission_windows::earliest(now);
        if (!enabled_)
            return allowed;
        refill(allowed);
        if (tokens_ >= 1)
            return allowed;
        return saturating_add(allowed, duration{static_cast<std::int64_t>(std::ceil((1 - tokens_) / fill_ * 1e9))});
    }
    void sent(instant at) override {
        admission_windows::sent(at);
        if (enabled_) {
            refill(at);
            tokens_ -= 1;
        }
    }
    void answered(int status, instant now) override {
        measure(now);
        const double t = seconds(now);
        double wanted;
        if (status == 429 || status == 503) {
            const double used = enabled_ ? std::min(measured_, fill_) : measured_;
            last_max_ = used;
            window_ = std::cbrt(last_max_ * (1 - beta) / scale);
            throttled_ = t;
            wanted = used * beta;
            if (!enabled_)
                refilled_ = t;
            enabled_ = true;
        } else {
            window_ = std::cbrt(last_max_ * (1 - beta) / scale);
            wanted = scale * std::pow(t - throttled_ - window_, 3) + last_max_;
        }
        const double rate = std::min(wanted, 2 * measured_);
        refill(now);
        fill_ = std::max(rate, 0.5);
        max_ = std::max(rate, 1.0);
        tokens_ = std::min(tokens_, max_);
    }

private:
    static constexpr double beta = 0.7, scale = 0.4, smooth = 0.8;

    static double seconds(instant at) { return std::chrono::duration<double>(at.time_since_epoch()).count(); }
    void refill(instant now) {
        const double t = seconds(now);
        tokens_ = std::min(max_, tokens_ + std::max(0.0, t - refilled_) * fill_);
        refilled_ = std::max(refilled_, t);
    }
    void measure(instant now) {
        const double bucket = std::floor(seconds(now) * 2) / 2;
        ++count_;
        if (bucket > bucket_) {
            measured_ = static_cast<double>(count_) / (bucket - bucket_) * smooth + measured_ * (1 - smooth);
            count_ = 0;
            bucket_ = bucket;
        }
    }

    bool enabled_ = false;
    double fill_ = 0.5, max_ = 1, tokens_ = 0, refilled_ = 0;
    double last_max_ = 0, window_ = 0, throttled_ = 0;
    double measured_ = 0, bucket_ = 0;
    std::int64_t count_ = 0;
};

}  // namespace weir::simulation
