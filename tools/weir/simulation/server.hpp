// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/http/headers.hpp"

#include <fmt/format.h>

#include "weir-origin/limits.hpp"

#include <algorithm>
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
};

struct server_options {
    ::origin::model_kind model = ::origin::model_kind::sliding_log;
    std::optional<std::int64_t> burst{};  ///< of GCRA; absent = a rate's N
    std::vector<phase> phases{{}};        ///< in order, the first from 0
    answer_fields tells{};
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
    server(const std::vector<rate>& configured, const server_options& o) : tells_(o.tells) {
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

    /// Decides on a request that arrives at `at`, which never goes back.
    [[nodiscard]] answer receive(instant at) {
        const auto since = at.time_since_epoch();
        regime& now = in_force(since);
        const auto wait = now.limits.decide(since);
        answer out{wait == ::origin::nanos{0} ? 200 : 429, {}};
        if (out.status == 200)
            for (regime& other : regimes_)
                if (&other != &now)
                    other.limits.count(since);
        if (out.status == 429 && tells_.retry_after)
            out.fields.add("Retry-After",
                           fmt::format("{}", std::max<std::int64_t>(1, (wait.count() + 999'999'999) / 1'000'000'000)));
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

    answer_fields tells_;
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
