// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace weir {

/// Why the tuner changed a factor.
enum class tuning : std::uint8_t {
    none,     ///< it is unchanged
    refused,  ///< too large a share of the responses were refusals
    stable,   ///< the limit delayed requests, and the server accepted those that it let through
    idle,     ///< there were no requests for a while
    bounded,  ///< the configured minimum or maximum has changed
};

[[nodiscard]] constexpr std::string_view to_string(tuning t) noexcept {
    switch (t) {
    case tuning::refused:
        return "high_429_ratio";
    case tuning::stable:
        return "stable";
    case tuning::idle:
        return "idle";
    case tuning::bounded:
        return "bounds";
    case tuning::none:
        break;
    }
    return "none";
}

/// What one step changed, and why.
struct adjustment {
    tuning why = tuning::none;
    multiplier before{};
    multiplier after{};
    std::int64_t answers = 0;   ///< responses in the observation that caused the change
    std::int64_t refusals = 0;  ///< those of them that were refusals

    /// Whether the factor changed.
    [[nodiscard]] explicit operator bool() const noexcept { return before != after; }
};

/// How a factor follows a server: additive increase, multiplicative decrease.
///
/// **Cut.** Let r be `high_429_ratio`. Each refusal adds 1 − r to the excess. Each other response subtracts r, down to
/// 0. So the excess grows without end if the share of refusals is above r, and stays near 0 below it (a one-sided CUSUM
/// test). The factor is cut, by `decrease_step_pct` percent, when the excess is above that of two refusals in a row. So
/// one or two stray refusals cut nothing, however few responses there are, and a limit that is far too high is found
/// within three. A refusal that states a time or a limit weighs twice, because an overload does not cause it. A refusal
/// at a factor that was refused before weighs three times. Refusals of requests that were sent before the last cut
/// belong to the same episode and are ignored.
///
/// **Growth.** An observation is `window_s` long. After one in which the limit delayed requests and at most r/2 of the
/// responses were refusals, the factor grows by `increase_step_pct` hundredths. The factor that was refused last is the
/// border. The tuner waits below the border before it tries it again: for one observation, after a failure for two, and
/// from the fourth failure in a row for twice as long each time, up to `longest_wait`. If the server stated its limit,
/// it waits for `stated_wait`. A border that the server accepts is forgotten. An observation without requests counts
/// like one without refusals, so an idle key recovers.
class aimd_law {
public:
    static constexpr std::int64_t longest_wait = 4;
    static constexpr std::int64_t stated_wait = 240;

    explicit aimd_law(const aimd_options& o) noexcept
        : length_(std::max(duration{1}, duration{static_cast<std::int64_t>(o.window_s * 1e9)})),
          share_(std::min(multiplier::of(o.high_429_ratio).millionths(), multiplier::one - 10'000)),
          step_(multiplier::of(o.increase_step_pct / 100).millionths()),
          kept_(multiplier::one - multiplier::of(o.decrease_step_pct / 100).millionths()),
          min_(multiplier::of(o.min_multiplier)), max_(multiplier::of(o.max_multiplier)) {}

    /// The length of one observation.
    [[nodiscard]] duration length() const noexcept { return length_; }

    /// Advances `s` to `now`, by the responses seen until then. **Complexity.** O(1 / step).
    adjustment step(tuner_state& s, const observation& seen, instant now) const noexcept {
        adjustment out{.before = s.factor};
        s.factor = std::clamp(s.factor, min_, max_);
        if (s.factor != out.before)
            out.why = tuning::bounded;
        s.bound = std::max(s.bound, seen.bound);
        if (s.window == long_ago)
            s.window = now;
        // Good responses are recorded before the observation ends: they arrived in it.
        take(s, seen.answers - seen.refusals);
        pass_time(s, now, out);
        if (refuse(s, seen)) {
            out.answers = s.answers;
            out.refusals = s.refusals;
            out.why = tuning::refused;
            cut(s, seen.stated > 0, now);
        }
        s.recovered = saturating_add(s.window, length_ * observations_to_recover(s));
        out.after = s.factor;
        return out;
    }

    /// The largest factor.
    [[nodiscard]] multiplier max() const noexcept { return max_; }
    /// The share of refusals that causes no cut, in millionths.
    [[nodiscard]] std::int64_t share() const noexcept { return share_; }

private:
    static constexpr std::int64_t one = multiplier::one;

    /// Ends the observations whose time is over.
    void pass_time(tuner_state& s, instant now, adjustment& out) const noexcept {
        const std::int64_t over = (now - s.window) / length_;
        if (over < 1)
            return;
        const bool was_bound = s.bound > s.window;
        if (s.answers == 0 || (was_bound && s.refusals * one * 2 <= s.answers * share_))
            grow(s, 1, was_bound ? tuning::stable : tuning::idle, out);
        s.answers = s.refusals = 0;
        if (over > 1) {  // the others had no response
            grow(s, over - 1, s.bound >= s.window + length_ ? tuning::stable : tuning::idle, out);
            s.excess = 0;
        }
        s.window += length_ * over;
    }

    void grow(tuner_state& s, std::int64_t times, tuning why, adjustment& out) const noexcept {
        const multiplier before = s.factor;
        for (; times > 0 && s.factor < max_; --times) {
            const multiplier next = std::min(multiplier::of_millionths(s.factor.millionths() + step_), max_);
            if (s.border > 0 && s.factor.millionths() >= s.border) {
                s.border = s.failures = 0;  // the server accepted it
            } else if (s.border > 0 && next.millionths() >= s.border && s.waits > 0) {
                --s.waits;
                continue;
            }
            s.factor = next;
        }
        if (s.factor != before) {
            out.why = why;
            out.answers = s.answers;
            out.refusals = s.refusals;
        }
    }

    /// Counts answers that were no refusals.
    void take(tuner_state& s, std::int64_t answers) const noexcept {
        s.answers += answers;
        // The minimum keeps the product small: 6 / r responses cancel any excess.
        s.excess = std::max<std::int64_t>(0, s.excess - std::min(answers, 6 * one / share_) * share_);
    }

    /// Counts refusals. True if they are too many.
    bool refuse(tuner_state& s, const observation& seen) const noexcept {
        if (seen.refusals == 0 || seen.sent < s.cut)
            return false;
        s.answers += seen.refusals;
        s.refusals += seen.refusals;
        const bool is_known = s.border > 0 && s.factor.millionths() >= s.border;
        s.excess += (is_known ? 3 * seen.refusals : seen.refusals + seen.stated) * (one - share_);
        return s.excess > 2 * (one - share_);
    }

    void cut(tuner_state& s, bool is_stated, instant now) const noexcept {
        const multiplier too_much = s.factor;
        s.factor = std::max(multiplier::of_millionths(too_much.millionths() * kept_ / one), min_);
        // A refusal far below the last border means that the server has lowered its limit: that is a new border.
        const bool is_same = s.border > 0 && too_much.millionths() > s.border * kept_ / one;
        s.failures = is_same ? s.failures + 1 : 0;
        s.waits = is_stated ? stated_wait : wait_after(s.failures);
        // A stated limit is not tried again: the border is just above the new factor, which was not refused yet.
        s.border = is_stated ? s.factor.millionths() + 1 : too_much.millionths();
        s.window = s.cut = now;
        s.bound = std::min(s.bound, now);
        s.answers = s.refusals = s.excess = 0;
    }

    /// Short at first, so that a raised limit is found soon; longer later, so that a lasting one costs few refusals.
    static constexpr std::int64_t wait_after(std::int64_t failures) noexcept {
        return failures == 0   ? 1
               : failures <= 3 ? 2
                               : std::min(longest_wait, std::int64_t{1} << std::min<std::int64_t>(failures - 2, 8));
    }

    [[nodiscard]] std::int64_t observations_to_recover(const tuner_state& s) const noexcept {
        const std::int64_t steps = (max_.millionths() - s.factor.millionths() + step_ - 1) / step_;
        return steps == 0 ? 0 : steps + s.waits + 1;
    }

    duration length_;
    std::int64_t share_;  // millionths
    std::int64_t step_;
    std::int64_t kept_;
    multiplier min_;
    multiplier max_;
};

}  // namespace weir
