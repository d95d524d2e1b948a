// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/call_turn.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::detail {

/// What the store said last, and what follows from it without a call.
class last_word : public call_turn {
public:
    using call_turn::call_turn;

    /// How long after a call that failed, or met a ceiling of other processes, the store is tried again.
    static constexpr duration retry_failed = std::chrono::milliseconds{100};
    static constexpr duration retry_ceiling = std::chrono::milliseconds{20};

protected:
    ~last_word() = default;

    /// Marks a denial by a gate that is farther away than anybody is to wait for it.
    [[nodiscard]] forecast held(forecast f, instant now) const noexcept {
        f.held = f.why == cause::gate && !f.passed && f.at > later(now, rules_->plan.max_hold);
        return f;
    }
    [[nodiscard]] static bool is_timed(const forecast& f) noexcept {
        return f.why == cause::window || f.why == cause::gate;
    }
    void remember(const forecast& f, std::int64_t cost, instant now) noexcept {
        denial.clear();
        note_bound(f);
        if (f.why == cause::none || f.passed || cost != 1) {
            known_ = {};
            return;
        }
        known_ = is_timed(f) ? f : forecast{};
        publish(f, cost, now);
    }
    [[nodiscard]] forecast known(instant now) const noexcept {
        return known_.at > now ? known_ : forecast{now, cause::none, 0};
    }

    /// The best case of one who comes after `ahead` others: never before the one in front.
    [[nodiscard]] forecast behind(forecast f, std::size_t ahead, instant now) const noexcept {
        if (ahead > 0) {
            const forecast& before = queue_->waiting[ahead - 1]->expected_;
            if (before.at >= f.at || f.admits())
                f = {std::max({before.at, f.at, now}), before.why, before.window};
        }
        if (f.admits())
            f.why = cause::window;  // somebody stands in front, or a call is under way
        return f;
    }

    /// When the head tries again after `f`; who lacks a place in flight is told when one comes free.
    [[nodiscard]] static instant next_try(const forecast& f, instant now) noexcept {
        if (f.why == cause::inflight)
            return far_future;
        return f.why == cause::concurrency ? later(now, retry_ceiling) : std::max(f.at, now);
    }

    forecast known_{long_ago, cause::none, 0};  // the last denial of one unit, while only time can end it
};

}  // namespace weir::detail
