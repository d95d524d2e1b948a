// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/local_fallback.hpp"
#include "weir/limiter/key_rules.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace weir::detail {

/// Decides on a key while its shared store fails, as `on_store_error` says.
///
/// **Thread safety.** All members need the key's lock.
class store_outage {
public:
    /// How long after a call that failed the store is called again. A call that took longer to fail pauses the calls
    /// for that longer time, up to `retry_hanging`. So a store that hangs does not delay every request by its timeout.
    static constexpr duration retry_failed = std::chrono::milliseconds{100};
    static constexpr duration retry_hanging = std::chrono::milliseconds{500};
    /// The same after a call that found no free connection.
    static constexpr duration retry_busy = std::chrono::milliseconds{10};

    /// Whether the last call failed, so that the local fallback decides if the policy has one.
    [[nodiscard]] bool is_local() const noexcept { return local_ != nullptr && local_->is_active(); }
    /// Whether it is too early to call the store again.
    [[nodiscard]] bool holds_calls(instant now) const noexcept { return is_local() && local_->until() > now; }
    /// The store's text when it failed. **Preconditions.** `is_local()`.
    [[nodiscard]] const std::string& error() const noexcept { return local_->error(); }

    /// How long after the store has come back this process stays below its share. The others find out up to this much
    /// later that the store is back, and admit alone until then.
    static constexpr duration probation = std::chrono::milliseconds{2500};

    /// A call that began at `asked` has failed at `now`. The store is not called for a while.
    void begin(instant asked, instant now, const std::string& error) {
        if (!is_local())
            began_ = now;
        made().begin(saturating_add(now, std::clamp(now - asked, retry_failed, retry_hanging)), error);
    }
    /// A call has succeeded. The entries in the local fallback stay there.
    void end(instant now) noexcept {
        if (!is_local())
            return;
        local_->end();
        ended_ = now;
    }
    /// How many processes used the store at the last sign of life; 0 = the store does not know.
    void set_processes(std::int64_t count) noexcept { processes_ = count; }

    /// What this process's share says about `cost` units, while the store comes back and for a while after that: other
    /// processes may still admit without it. Nothing changes.
    [[nodiscard]] assessment after_return(store_failure mode, const std::shared_ptr<const key_rules>& rules,
                                          multiplier factor, std::int64_t cost, instant now) {
        if (processes_ < 2 || mode != store_failure::local || cost == 0 ||
            (!is_local() && now >= saturating_add(ended_, probation)))
            return {now, cause::none, 0};
        made().set_rules(rules, factor, processes_);
        const assessment f = local_->assess(cost, now);
        return f.admits() ? assessment{now, cause::none, 0} : assessment{f.at, cause::store, 0};
    }
    /// The store has admitted `cost` units at `now`. Soon after its return they are part of this process's share.
    void admitted_after_return(store_failure mode, std::int64_t cost, instant now) {
        if (processes_ >= 2 && mode == store_failure::local && cost > 0 && now < saturating_add(ended_, probation))
            static_cast<void>(made().count(cost, now));
    }

    // ---- units that were admitted without the store, and that it does not know yet

    [[nodiscard]] std::int64_t take_owed(const window_plan& plan, instant now) noexcept {
        if (owed_ == 0)
            return 0;
        std::int64_t max = 0;
        for (const window& w : plan.windows)
            max = std::max(max, w.limit);
        const bool is_over = now >= saturating_add(owed_since_, plan.kept.longest);
        const std::int64_t units = std::exchange(owed_, 0);
        return is_over ? 0 : std::min(units, max);
    }
    void owe(std::int64_t units, instant now) noexcept {
        owed_ += units;
        owed_since_ = now;
    }

    /// Decides without the store. `gate` is the gate that the store could not take, `known` is its last answer before
    /// it failed, and `verb(local_fallback&, instant)` asks the local fallback.
    template <class F>
    [[nodiscard]] assessment decide(store_failure mode, const std::shared_ptr<const key_rules>& rules,
                                    multiplier factor, instant gate, const assessment& known, instant now, F&& verb) {
        if (const assessment f = denial(mode, gate, known, now); !f.admits())
            return f;
        if (mode == store_failure::closed)
            return {made().until(), cause::store, 0};
        made().set_rules(rules, factor, processes_);
        if (const instant ready = warm_until(mode, rules->plan); ready > now)
            return {std::min(ready, local_->until()), cause::store, 0};
        assessment f = verb(*local_, now);
        // The store may allow more than the share of this process, once it answers again.
        if (!f.admits() && f.cause != cause::inflight && f.cause != cause::gate)
            f = {local_->until(), cause::store, 0};
        return f;
    }

    /// Denies, because every connection of this process was in use. The store may work, so the local fallback must not
    /// admit beside it.
    [[nodiscard]] static assessment decide_busy(store_failure mode, instant gate, const assessment& known,
                                                instant now) {
        const assessment f = denial(mode, gate, known, now);
        return f.admits() ? assessment{saturating_add(now, retry_busy), cause::store, 0} : f;
    }

    /// Settles an entry of the local fallback.
    void settle(entry& e, settlement how, instant now) {
        if (how == settlement::refunded)
            owed_ = std::max<std::int64_t>(0, owed_ - e.cost);
        else if (e.state == entry_state::open && !is_local())
            owe(e.cost, now);  // the store counted it when it came back, and must count it from its answer too
        local_->settle(e, how, now);
    }
    [[nodiscard]] bool is_idle(instant now) const { return local_ == nullptr || local_->idle(now); }

private:
    /// Until when nothing is admitted alone. Before the store failed, all processes together may have filled every
    /// window, so the share is free after one window. Long windows are not waited for: their requests are spaced.
    [[nodiscard]] instant warm_until(store_failure mode, const window_plan& plan) const noexcept {
        if (processes_ == 0 || mode != store_failure::local)
            return long_ago;
        duration span{};
        for (const window& w : plan.windows)
            if (w.period <= local_warm_up)
                span = std::max(span, w.period);
        return saturating_add(began_, span);
    }
    /// The denial that still holds without a call. It admits if there is none.
    [[nodiscard]] static assessment denial(store_failure mode, instant gate, const assessment& known, instant now) {
        if (gate > now)
            return {gate, cause::gate, 0};
        if (!known.admits() && (known.cause == cause::gate || mode != store_failure::open))
            return known;
        return {now, cause::none, 0};
    }
    [[nodiscard]] local_fallback& made() {
        if (local_ == nullptr)
            local_ = std::make_unique<local_fallback>();
        return *local_;
    }

    std::int64_t processes_ = 0;
    std::int64_t owed_ = 0;
    instant owed_since_ = long_ago;
    instant began_ = long_ago;
    instant ended_ = long_ago;
    std::unique_ptr<local_fallback> local_;  // made when the store fails for the first time
};

}  // namespace weir::detail
