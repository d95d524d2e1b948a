// SPDX-License-Identifier: MIT
#pragma once

#include "candidates.hpp"
#include "laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

// The law that makes a log most likely. Each law predicts each answer from those before it; a request near an edge may
// be on either side of it, because the log's times are not those of the server; and some answers have other reasons.

namespace weir::identification {

/// A hypothesis and how well it fits.
struct fit {
    hypothesis what{};
    double likelihood = 0;   ///< of the log, logarithm, less what its numbers cost (BIC)
    double probability = 0;  ///< among all hypotheses
    double noise = 0;        ///< seconds by which times are off
    std::size_t wrong = 0;   ///< answers that it does not predict, beyond that noise
};

/// What a log says of one server.
struct finding {
    std::size_t requests = 0, refused = 0;
    std::vector<fit> fits{};       ///< best first, each law with its best numbers
    double random = 0;             ///< likelihood of refusals by chance, in runs
    double law_probability = 0;    ///< of the best law, whatever its numbers
    double limit_probability = 0;  ///< of the best law, limit, period and burst, whether refusals count or not
    double count_probability = 0;  ///< given these, of whether refusals count
    bool is_decided = false;       ///< the log decides; else it is only a guess

    [[nodiscard]] bool has_guess() const noexcept { return !fits.empty(); }
};

namespace detail {

/// The same times in another order of answers: a refusal that comes at most `within` seconds before an admission comes
/// after it. Of requests whose order is not known, a server refuses the last.
inline std::vector<seen_request> refused_last(std::span<const seen_request> all, double within) {
    std::vector<seen_request> out{all.begin(), all.end()};
    for (seen_request& r : out)
        r.t += r.is_refused ? within : 0;
    std::ranges::sort(out, {}, [](const seen_request& r) { return std::pair{r.t, r.is_refused}; });
    for (std::size_t i = 0; i < all.size(); ++i)
        out[i].t = all[i].t;
    return out;
}

/// The time before which a law cannot know what was counted.
inline double memory_of(const hypothesis& h) {
    if (h.by == law::gcra)
        return h.period / static_cast<double>(h.limit) * static_cast<double>(h.burst);
    return h.by == law::two_counter ? 2 * h.period : h.period;
}

/// The numbers that are not worth the same without a reason: 10 in 1 s is likelier than 37 in 45 s.
inline double oddness(const hypothesis& h) {
    const auto of_period = [](double t) {
        for (const double usual : {1.0, 60.0, 3600.0, 86400.0})
            if (std::abs(t - usual) < 1e-9)
                return 0.0;
        for (const double usual : {10.0, 30.0, 300.0, 600.0, 900.0, 1800.0})
            if (std::abs(t - usual) < 1e-9)
                return 1.0;
        return 2.5;
    };
    const auto of_limit = [](std::int64_t n) {
        std::int64_t digits = n;
        while (digits % 10 == 0)
            digits /= 10;
        return digits < 10 ? 0.0 : digits % 5 == 0 ? 0.7 : digits < 100 ? 1.5 : 3.0;
    };
    return of_period(h.period) + of_limit(h.limit) + (h.by == law::gcra ? of_limit(h.burst) : 0);
}

/// What the numbers of a hypothesis cost.
inline double price(const hypothesis& h, std::size_t n) {
    const bool has_phase = h.by == law::fixed_window || h.by == law::two_counter;
    double numbers = 2;
    if (has_phase && !h.is_anchored && h.phase != 0)
        numbers += 1;
    if (h.by == law::gcra && h.burst != h.limit && h.burst != 1)
        numbers += 1;
    const double variants = (h.is_anchored ? 1.5 : 0) + (h.counts_refusals ? 0.7 : 0);
    return 0.5 * numbers * std::log(static_cast<double>(n)) + oddness(h) + variants;
}

class log_search {
public:
    /// `resolution`: seconds within which nothing is known of a time.
    log_search(std::span<const seen_request> all, double resolution) : all_(all) {
        refused_ = static_cast<std::size_t>(std::ranges::count_if(all_, &seen_request::is_refused));
        noise_ = std::max(resolution, 1e-4);
        min_noise_ = std::max(resolution / 3, 2e-5);
        span_ = all_.empty() ? 0 : all_.back().t - all_.front().t;
    }

    [[nodiscard]] finding run() {
        finding out{.requests = all_.size(), .refused = refused_};
        if (refused_ == 0 || refused_ == all_.size() || span_ <= 0)
            return out;
        by_chance_ = by_chance();
        out.random = by_chance_.back();
        for (const double period : round_periods(0.9 * span_)) {
            windows(period);
            two_counters(period);
        }
        rates();
        out.fits = best_fits();
        judge_fits(out);
        return out;
    }

private:
    using rated = std::pair<double, hypothesis>;

    /// How badly a hypothesis fits: quick, and the same for all.
    double cost(const hypothesis& h) {
        judge(h, all_, margins_);
        double out = 0;
        for (std::size_t i = 0; i < all_.size(); ++i)
            if ((margins_[i] >= 0) == all_[i].is_refused)
                out += std::min(std::abs(margins_[i]) / noise_, 7.0) + 0.7;
        return out;
    }

    /// The best limits of a law whose other numbers are fixed.
    rated best_limit(const hypothesis& h, std::vector<rated>* all = nullptr) {
        rated out{1e300, h};
        for (const hypothesis& one : with_limits(h, all_)) {
            const double c = cost(one);
            if (all != nullptr)
                all->emplace_back(c, one);
            if (c < out.first)
                out = {c, one};
        }
        return out;
    }

    void windows(double period) {
        for (const bool counts : {false, true})
            static_cast<void>(
                best_limit({.by = law::sliding_log, .period = period, .counts_refusals = counts}, &pool_));
        static_cast<void>(best_limit({.by = law::fixed_window, .period = period}, &pool_));
        static_cast<void>(best_limit({.by = law::fixed_window, .period = period, .is_anchored = true}, &pool_));
        phased_.push_back(best_phase({.by = law::fixed_window, .period = period}, false));
    }
    void two_counters(double period) {
        for (const bool counts : {false, true}) {
            const hypothesis h{.by = law::two_counter, .period = period, .counts_refusals = counts};
            static_cast<void>(best_limit(h, &pool_));
            phased_.push_back(best_phase(h, false));
        }
    }

    /// Phases where an admission ended a row of refusals, and some others; the best is refined later.
    rated best_phase(hypothesis h, bool is_fine) {
        rated best{1e300, h};
        for (const double phase : phases(h.period, is_fine)) {
            h.phase = phase;
            best = std::min(best, best_limit(h), [](const rated& a, const rated& b) { return a.first < b.first; });
        }
        return best;
    }
    [[nodiscard]] std::vector<double> phases(double period, bool is_fine) const {
        std::vector<double> out;
        const std::size_t grid = is_fine ? 24 : 8;
        for (std::size_t i = 0; i < grid; ++i)
            out.push_back(period * (static_cast<double>(i) + 0.5) / static_cast<double>(grid));
        std::size_t ends = 0;
        for (std::size_t i = 1; i < all_.size(); ++i)
            ends += all_[i - 1].is_refused && !all_[i].is_refused ? 1U : 0U;
        const std::size_t step = ends / (is_fine ? 16 : 6) + 1;
        std::size_t seen = 0;
        for (std::size_t i = 1; i < all_.size(); ++i)
            if (all_[i - 1].is_refused && !all_[i].is_refused && seen++ % step == 0)
                out.push_back(std::fmod((all_[i - 1].t + all_[i].t) / 2, period));
        return out;
    }
    rated refined(const rated& coarse) {
        rated from = std::min(coarse, best_phase(coarse.second, true),
                              [](const rated& a, const rated& b) { return a.first < b.first; });
        for (double step = from.second.period / 40; step > from.second.period / 4'000 && step > noise_ / 8; step /= 2)
            for (const double side : {-1.0, 1.0}) {
                for (int tries = 0; tries < 4; ++tries) {
                    hypothesis h = from.second;
                    h.phase = std::fmod(h.phase + side * step + h.period, h.period);
                    const rated next = best_limit(h);
                    if (next.first >= from.first)
                        break;
                    from = next;
                }
            }
        return from;
    }

    void rates() {
        double admitted = static_cast<double>(all_.size() - refused_);
        const double mean = admitted / span_;
        std::vector<rated> found;
        for (const hypothesis& h : round_rates(0.2 * mean, 20 * mean))
            found.push_back(best_limit(h));
        std::ranges::sort(found, {}, &rated::first);
        for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 12); ++i)
            static_cast<void>(best_limit(found[i].second, &pool_));
    }

    // ---- likelihood

    [[nodiscard]] double refused_share() const {
        return static_cast<double>(refused_) / static_cast<double>(all_.size());
    }

    /// The likelihood of the answers up to each, if refusals come by chance, but in runs: what a server without a
    /// limit, that is overloaded now and then, does.
    [[nodiscard]] std::vector<double> by_chance() const {
        std::array<std::array<double, 2>, 2> count{{{0.5, 0.5}, {0.5, 0.5}}};
        std::vector<double> out(all_.size());
        for (std::size_t i = 1; i < all_.size(); ++i) {
            auto& after = count.at(all_[i - 1].is_refused ? 1 : 0);
            const std::size_t now = all_[i].is_refused ? 1 : 0;
            out[i] = out[i - 1] + std::log(after.at(now) / (after[0] + after[1]));
            after.at(now) += 1;
        }
        return out;
    }
    /// The logarithm of the mean of two likelihoods.
    static double either(double a, double b) {
        return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))) - std::log(2.0);
    }

    fit likelihood(const hypothesis& h) {
        judge(h, all_, margins_);
        fit best{h, -1e300, 0, 0, 0};
        const std::size_t warm = static_cast<std::size_t>(
            std::ranges::lower_bound(all_, all_.front().t + memory_of(h), {}, &seen_request::t) - all_.begin());
        const double base = 1 - refused_share();
        for (double noise = min_noise_; noise < std::max(h.period / 4, 2 * min_noise_) && noise < 2; noise *= 2.5)
            for (const double stray : {0.0005, 0.005, 0.03}) {
                double sum = 0, sum_warm = 0;
                for (std::size_t i = 0; i < all_.size(); ++i) {
                    const double x = margins_[i] / noise;
                    double admitted = x > 30 ? 1 : x < -30 ? 0 : 1 / (1 + std::exp(-x));
                    admitted = (1 - stray) * admitted + stray * base;
                    (i < warm ? sum_warm : sum) += std::log(all_[i].is_refused ? 1 - admitted : admitted);
                }
                // Before the log there were other requests, or there were none.
                sum += either(sum_warm, warm == 0 ? 0 : by_chance_[warm - 1]);
                if (sum > best.likelihood)
                    best = {h, sum, 0, noise, 0};
            }
        for (std::size_t i = 0; i < all_.size(); ++i)
            if ((margins_[i] >= 0) == all_[i].is_refused && std::abs(margins_[i]) > 5 * best.noise)
                ++best.wrong;
        best.likelihood -= price(h, all_.size());
        return best;
    }

    std::vector<fit> best_fits() {
        std::ranges::sort(phased_, {}, &rated::first);
        for (const law by : {law::fixed_window, law::two_counter}) {
            std::size_t count = 0;
            for (const rated& r : phased_)
                if (r.second.by == by && count++ < 6) {
                    const rated fine = refined(r);
                    static_cast<void>(best_limit(fine.second, &pool_));
                }
        }
        std::ranges::sort(pool_, {}, &rated::first);
        std::vector<fit> out;
        for (const law by : {law::sliding_log, law::fixed_window, law::two_counter, law::gcra}) {
            std::size_t count = 0;
            for (const rated& r : pool_) {
                if (r.second.by != by || count >= 24)
                    continue;
                // One in T is the same as evenly spaced.
                const bool is_window = by == law::sliding_log || r.second.is_anchored;
                if (is_window && r.second.limit == 1 && !r.second.counts_refusals)
                    continue;
                ++count;
                out.push_back(likelihood(r.second));
                if (by == law::two_counter) {
                    hypothesis h = r.second;
                    h.is_anchored = true;
                    out.push_back(likelihood(h));
                }
            }
        }
        // One of each that a reader would call the same.
        std::ranges::sort(out, std::ranges::greater{}, &fit::likelihood);
        std::vector<fit> distinct;
        for (const fit& f : out)
            if (std::ranges::none_of(distinct, [&](const fit& d) { return is_same(d.what, f.what); }))
                distinct.push_back(f);
        return distinct;
    }

    static bool is_same_limit(const hypothesis& a, const hypothesis& b) {
        return a.by == b.by && a.limit == b.limit && a.period == b.period && a.burst == b.burst;
    }
    static bool is_same(const hypothesis& a, const hypothesis& b) {
        return is_same_limit(a, b) && a.counts_refusals == b.counts_refusals;
    }

    void judge_fits(finding& out) const {
        if (out.fits.empty())
            return;
        // Neighbouring answers have the same reasons, so each of them is worth less than an independent one.
        constexpr double dependence = 3;
        double sum = 0;
        for (fit& f : out.fits) {
            f.probability = std::exp((f.likelihood - out.fits[0].likelihood) / dependence);
            sum += f.probability;
        }
        sum += std::exp((out.random - out.fits[0].likelihood) / dependence);
        const hypothesis& best = out.fits[0].what;
        double same_counts = 0;
        for (fit& f : out.fits) {
            f.probability /= sum;
            if (f.what.by == best.by)
                out.law_probability += f.probability;
            if (is_same_limit(f.what, best))
                out.limit_probability += f.probability;
            if (is_same(f.what, best))
                same_counts += f.probability;
        }
        out.count_probability = same_counts / std::max(out.limit_probability, 1e-12);
        // However much better than the others: a law that leaves many answers without a reason is not the law.
        const double unexplained = static_cast<double>(out.fits[0].wrong) /
                                   static_cast<double>(std::min(out.refused, out.requests - out.refused));
        double trust = std::clamp(1.35 - unexplained * 12.5, 0.0, 1.0);
        if (out.fits[0].noise > 8 * std::max(noise_, 0.001) && out.fits[0].noise > 0.05 * best.period)
            trust *= 0.6;  // the log knows its times better than this law needs them
        out.law_probability *= trust;
        out.limit_probability *= trust;
        out.is_decided = out.limit_probability >= 0.9 && out.fits[0].likelihood > out.random + 6;
    }

    std::span<const seen_request> all_;
    std::size_t refused_ = 0;
    double noise_, min_noise_, span_;
    margins margins_;
    std::vector<double> by_chance_;
    std::vector<rated> pool_, phased_;
};

}  // namespace detail

/// Which law a server enforced. `all` is in the order of time; `resolution` is in seconds.
///
/// **Complexity.** About 10,000 times the number of requests.
[[nodiscard]] inline finding identify_law(std::span<const seen_request> all, double resolution) {
    finding out = detail::log_search{all, resolution}.run();
    if (resolution <= 1e-5 || !out.has_guess())
        return out;
    const std::vector<seen_request> other = detail::refused_last(all, 3 * resolution);
    finding second = detail::log_search{other, resolution}.run();
    return second.has_guess() && second.fits[0].likelihood > out.fits[0].likelihood ? second : out;
}

}  // namespace weir::identification
