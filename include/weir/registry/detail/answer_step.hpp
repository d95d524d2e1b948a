// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/limiter/key_queue.hpp"
#include "weir/limiter/waiter.hpp"
#include "weir/registry/detail/gate_moved.hpp"
#include "weir/registry/detail/told_limits.hpp"
#include "weir/storage/store.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace weir::detail {

/// What an answer does to its key: gate, entry, tuner; and to the gates that move with it.
template <class Engine>
class answer_step {
    using node = typename Engine::node;

public:
    answer_step(Engine& engine, node& n) noexcept : engine_(engine), node_(n) {}

    /// **Preconditions.** The key is pinned. **Effects.** Locks and unlocks it.
    template <class When>
    void operator()(entry& e, const feedback& said, When when) noexcept {
        node_.lock();
        const instant now = engine_.time(when);
        const instant admitted = e.stamp;
        const bool is_counted = e.cost > 0;
        const instant until = std::max(node_.pause.after(said, admitted, now), held_by_limits(said, now));
        bool moved = false;
        gate_reach scope = gate_reach::key;
        adjustment tuned;
        {
            settled_list settled;
            // The gate first: nobody is to be let go in the same step in which the server asks us to stay away.
            if (until != long_ago) {
                moved = node_.hold(engine_.store_, engine_.ceiling_, until, now, settled);
                scope = node_.rules().policy.gate_scope;
            }
            node_.settle(engine_.store_, engine_.ceiling_, e, settlement::answered, now, settled);
            if (is_counted && node_.rules().policy.aimd.enabled) [[unlikely]]
                tuned = tune(said, admitted, now, settled);
            if (!said.limits.empty()) [[unlikely]]
                adopt(said, now, settled);
            engine_.unlock(node_);
        }
        engine_.tell_.answered(node_, said.status, now);
        if (moved)
            gate_moved(engine_, node_, scope, until, now);
        if (tuned)
            engine_.tell_.tuned(node_, tuned, now);
    }

    /// Tells the store what was seen, and puts the factor that comes of it in force. **Preconditions.** The key is
    /// locked, pinned and tuned.
    adjustment tune(instant now, settled_list& settled) {
        const aimd_law law{node_.rules().policy.aimd};
        const observation seen = node_.tuner->seen();
        adjustment out;
        const auto step = [&](const tuner_state& before) {
            tuner_state after = before;
            out = law.step(after, seen, now);
            return after;
        };
        const std::optional<tuner_state> kept = node_.learn(engine_.store_, step);
        if (node_.tuner == nullptr)
            return {};  // a reload has just turned tuning off
        if (!kept) {
            node_.tuner->retune_at(later(now, law.length()));
            return {};
        }
        node_.tuner->told(seen, *kept, law.length(), kept->factor < law.most());
        // A shared store's limiter has put the factor in force itself.
        if constexpr (Engine::is_local)
            if (out)
                node_.govern(engine_.store_, engine_.ceiling_,
                             governed::make(node_.rules().policy, kept->factor, node_.rules().told), now, settled);
        return out;
    }

private:
    adjustment tune(const feedback& said, instant admitted, instant now, settled_list& settled) {
        if (node_.tuner == nullptr)
            node_.tuner = std::make_unique<key_tuner>();
        if (!node_.tuner->hears(aimd_law{node_.rules().policy.aimd}.share(), said, admitted, now))
            return {};
        return tune(now, settled);
    }

    /// Until when the limits that were told hold the key; `long_ago` = they do not.
    [[nodiscard]] instant held_by_limits(const feedback& said, instant now) const noexcept {
        const duration wait = told_wait(said, node_.rules().plan);
        return wait > duration::zero() ? later(now, wait) : long_ago;
    }

    /// Puts what the server told in force, where it is less than the policy allows.
    void adopt(const feedback& said, instant now, settled_list& settled) {
        told_rates told = lower_than(node_.rules().policy, said.limits);
        if (node_.rules().told != nullptr ? told == *node_.rules().told : told == told_rates{})
            return;
        auto kept = told == told_rates{} ? nullptr : std::make_shared<const told_rates>(std::move(told));
        node_.govern(engine_.store_, engine_.ceiling_,
                     governed::make(node_.rules().policy, node_.factor(engine_.store_), std::move(kept)), now, settled);
    }

    Engine& engine_;
    node& node_;
};

}  // namespace weir::detail
