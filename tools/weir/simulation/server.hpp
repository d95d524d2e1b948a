// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/http/headers.hpp"

#include <fmt/format.h>

#include "weir-origin/limits.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::simulation {

/// From `from` on, the server's limits are `share` of those that are configured.
struct phase {
    duration from{};
    double share = 1;
};

/// What a server tells with an answer.
struct answer_fields {
    bool retry_after = false;  ///< with a 429: seconds until one would be admitted, rounded up
    bool ratelimit = false;    ///< with every answer: RateLimit and RateLimit-Policy
    bool is_date = false;      ///< Retry-After is a date of the server's clock, and `Date` is sent
};

/// A time in which a server answers nothing else.
struct outage {
    duration from{};
    duration length{};
    int status = 503;  ///< 0 = no answer at all
};

/// After `refusals` within `length`, everything is refused for as long.
struct ban_rule {
    std::int64_t refusals = 0;  ///< 0 = there are no bans
    duration length{};
};

struct server_options {
    ::origin::model_kind model = ::origin::model_kind::sliding_log;
    std::optional<std::int64_t> burst{};  ///< of GCRA; absent = a rate's N
    std::vector<phase> phases{{}};        ///< in order, the first from 0
    answer_fields tells{};
    std::vector<outage> outages{};
    ban_rule ban{};
    std::optional<duration> retry_after{};  ///< what Retry-After says, whatever is true
    duration clock{};  ///< how far the server's clock is ahead; its windows and its dates follow it
    duration start{};  ///< the time since midnight at which the run begins
};

/// `r` cut to a share: as many units less, or the same in a longer time where that would leave none.
[[nodiscard]] inline rate share_of(const rate& r, double share) {
    const auto units = static_cast<std::int64_t>(std::floor(static_cast<double>(r.limit) * share + 1e-9));
    if (units >= 1)
        return {units, r.period};
    return {1, duration{static_cast<std::int64_t>(static_cast<double>(r.period.count()) /
                                                  (static_cast<double>(r.limit) * share))}};
}

/// One host's limits for one role, on the server.
class server {
public:
    server(const std::vector<rate>& configured, const server_options& o) : options_(o), tells_(o.tells) {
        for (const phase& p : o.phases) {
            regime r{p.from, {}, {}};
            std::vector<::origin::rate> theirs;
            for (const rate& one : configured) {
                r.rates.push_back(share_of(one, p.share));
                theirs.push_back({r.rates.back().limit, r.rates.back().period});
            }
            r.limits = ::origin::limiter{o.model, theirs, o.burst};
            regimes_.push_back(std::move(r));
        }
        left_.resize(configured.size());
    }

    struct answer {
        int status;
        http::headers fields;
    };

    /// Decides on a request that arrives at `at`, which never goes back. Status 0: there is no answer.
    [[nodiscard]] answer receive(instant at) {
        const auto since = at.time_since_epoch();
        for (const outage& o : options_.outages)
            if (since >= o.from && since < o.from + o.length)
                return {o.status, {}};
        regime& now = in_force(since);
        // The server's own clock, which never goes below zero.
        const auto local = std::max(duration::zero(), since + options_.start + options_.clock);
        duration wait = std::max(duration::zero(), banned_until_ - since);
        if (wait == duration::zero())
            wait = now.limits.decide(local);
        answer out{wait == duration::zero() ? 200 : 429, {}};
        if (out.status == 200)
            for (regime& other : regimes_)
                if (&other != &now)
                    other.limits.count(local);
        if (out.status == 429)
            wait = std::max(wait, note_refusal(since));
        if (out.status == 429 && tells_.retry_after) {
            const duration said = options_.retry_after.value_or(wait);
            out.fields.add("Retry-After",
                           tells_.is_date ? http_date(local + said) : fmt::format("{}", seconds_of(said)));
        }
        if (tells_.is_date)
            out.fields.add("Date", http_date(local));
        if (tells_.ratelimit)
            add_ratelimit(out, now, since, wait);
        return out;
    }

    [[nodiscard]] const std::vector<rate>& rates_at(duration since) const {
        return const_cast<server*>(this)->in_force(since).rates;
    }
    /// When the limits change next after `since`.
    [[nodiscard]] duration next_change(duration since) const {
        for (const regime& r : regimes_)
            if (r.from > since)
                return r.from;
        return duration::max();
    }

private:
    static std::int64_t seconds_of(duration d) {
        return std::max<std::int64_t>(1, (d.count() + 999'999'999) / 1'000'000'000);
    }
    /// `Thu, 01 Jan 1970 00:00:05 GMT`, rounded up.
    static std::string http_date(duration since_midnight) {
        const std::chrono::sys_seconds at{std::chrono::ceil<std::chrono::seconds>(since_midnight)};
        const auto day = std::chrono::floor<std::chrono::days>(at);
        const std::chrono::year_month_day date{day};
        const std::chrono::hh_mm_ss clock{at - day};
        constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days.at(std::chrono::weekday{day}.c_encoding()),
                           static_cast<unsigned>(date.day()), months.at(static_cast<unsigned>(date.month()) - 1),
                           static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                           clock.seconds().count());
    }
    /// How long a ban lasts that this refusal brings; zero = it brings none.
    duration note_refusal(duration since) {
        const ban_rule& rule = options_.ban;
        if (rule.refusals == 0 || since < banned_until_)
            return duration::zero();
        refusals_.push_back(since);
        while (refusals_.front() <= since - rule.length)
            refusals_.pop_front();
        if (static_cast<std::int64_t>(refusals_.size()) < rule.refusals)
            return duration::zero();
        refusals_.clear();
        banned_until_ = since + rule.length;
        return rule.length;
    }

    struct regime {
        duration from;
        std::vector<rate> rates;
        ::origin::limiter limits;
    };

    [[nodiscard]] regime& in_force(duration since) {
        std::size_t i = regimes_.size() - 1;
        while (i > 0 && regimes_[i].from > since)
            --i;
        return regimes_[i];
    }

    /// What is left is told as of a sliding log, which is the least that any of the models leaves.
    void add_ratelimit(answer& out, const regime& now, duration since, duration wait) {
        std::string policies, limits;
        for (std::size_t i = 0; i < now.rates.size(); ++i) {
            const rate& r = now.rates[i];
            auto& admitted = left_[i];
            if (out.status == 200)
                admitted.push_back(since);
            while (!admitted.empty() && admitted.front() <= since - r.period)
                admitted.pop_front();
            const std::int64_t left = std::max<std::int64_t>(0, r.limit - static_cast<std::int64_t>(admitted.size()));
            const duration reset = admitted.empty() ? duration::zero() : admitted.front() + r.period - since;
            const auto seconds = [](duration d) { return (d.count() + 999'999'999) / 1'000'000'000; };
            if (r.period % std::chrono::seconds{1} != duration::zero())
                continue;  // the field counts whole seconds
            policies += fmt::format("{}\"r{}\";q={};w={}", policies.empty() ? "" : ", ", i, r.limit, seconds(r.period));
            limits += fmt::format("{}\"r{}\";r={};t={}", limits.empty() ? "" : ", ", i, out.status == 200 ? left : 0,
                                  seconds(out.status == 200 ? reset : std::max(reset, wait)));
        }
        if (policies.empty())
            return;
        out.fields.add("RateLimit-Policy", policies);
        out.fields.add("RateLimit", limits);
    }

    server_options options_;
    answer_fields tells_;
    duration banned_until_{};
    std::deque<duration> refusals_;
    std::vector<regime> regimes_;
    std::vector<std::deque<duration>> left_;  // admitted arrivals in each window
};

/// How many requests any client could have had admitted and answered by `end`, at best, if each takes `under_way(then)`
/// and counts until its period after the answer. The server's own limits, and nothing else, bound it.
template <class UnderWay>
[[nodiscard]] std::int64_t max_lawful(const server& s, duration begin, duration end, UnderWay under_way) {
    std::vector<duration> sent;
    duration at = begin;
    for (;;) {
        const auto& rates = s.rates_at(at);
        duration next = at;
        for (const rate& r : rates)
            if (const auto n = static_cast<std::size_t>(r.limit); sent.size() >= n)
                next = std::max(next, sent[sent.size() - n] + r.period + under_way(at));
        if (const duration change = s.next_change(at); next >= change) {
            at = change;
            continue;
        }
        if (next >= end)
            return static_cast<std::int64_t>(sent.size());
        sent.push_back(next);
        at = next;
    }
}

}  // namespace weir::simulation
