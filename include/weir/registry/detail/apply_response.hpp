// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/observe/feedback.hpp"
#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/detail/propagate_gate.hpp"
#include "weir/registry/detail/server_limits.hpp"
#include "weir/storage/store.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace weir::detail {

/// The effects of an answer on its key: gate, entry, tuner and reported limits; and on the gates that move with it.
template <class Engine>
class apply_response {
    using node = typename Engine::node;
    using step = key_step<typename Engine::store_type>;

public:
    apply_response(Engine& engine, node& n) noexcept : engine_(engine), node_(n) {}

    /// **Preconditions.** The key is referenced. **Effects.** Locks and unlocks it.
    template <class When>
    void operator()(entry& e, const feedback& said, When when) noexcept {
        node_.lock();
        const instant now = engine_.time(when);
        const instant admitted = e.stamp;
        bool is_refused = false;
        instant until = long_ago;
        bool moved = false;
        gate_reach scope = gate_reach::key;
        adjustment tuned;
        {
            locked_step<Engine> locked{engine_, node_, now};
            key_core& key = node_.key;
            is_refused = is_refusal(key.rules->policy, said);
            until = pause(said, is_refused, admitted, locked.at);
            if (until != long_ago) {
                moved = node_.log.hold(locked.at, until);
                scope = key.rules->policy.gate_scope;
            }
            node_.log.settle(locked.at, e, settlement::answered);
            key.longest_latency = std::max(key.longest_latency, now - admitted);
            try {
                if (e.cost > 0 && key.rules->policy.aimd.enabled) [[unlikely]]
                    tuned = learn(said, is_refused, admitted, locked.at);
                if (!said.limits.empty()) [[unlikely]]
                    adopt(said, locked.at);
            } catch (const std::bad_alloc&) {
                // This answer teaches nothing, because there is no memory; the next one may.
            }
        }
        engine_.events().answered(node_, said.status, now);
        if (moved)
            propagate_gate(engine_, node_, scope, until, now, is_refused);
        if (tuned)
            engine_.events().tuned(node_, tuned, now);
    }

    /// Reports the observation to the store, and makes the new factor active. **Preconditions.** The key is locked,
    /// referenced and tuned.
    adjustment tune(step& s) noexcept {
        try {
            return try_tune(s);
        } catch (const std::bad_alloc&) {
            return {};
        }
    }

private:
    /// How long the limits that a server reported are kept at least, also for a key without requests.
    static constexpr duration reported_min = std::chrono::minutes{10};

    adjustment try_tune(step& s) {
        const aimd_law law{node_.key.rules->policy.aimd};
        const observation seen = node_.key.tuner->seen();
        adjustment out;
        const auto how = [&](const tuner_state& before) {
            tuner_state after = before;
            out = law.step(after, seen, s.now);
            return after;
        };
        const std::optional<tuner_state> kept = node_.log.learn(s, how);
        if (node_.key.tuner == nullptr)
            return {};  // a reload has just turned tuning off
        if (!kept) {
            node_.key.tuner->retune_at(saturating_add(s.now, law.length()));
            return {};
        }
        node_.key.tuner->acknowledge(seen, *kept, law.length(), kept->factor < law.max());
        adopt_factor(s, kept->factor);
        return out;
    }

    adjustment learn(const feedback& said, bool is_refused, instant admitted, step& s) {
        if (node_.key.tuner == nullptr)
            node_.key.tuner = std::make_unique<key_tuner>();
        const aimd_law law{node_.key.rules->policy.aimd};
        if (node_.key.tuner->record(law.share(), said, is_refused, admitted, s.now))
            return try_tune(s);
        adopt_factor(s, node_.log.factor(engine_.store()));
        return {};
    }

    /// Makes the rules for a factor that is not active yet: a new one, or one for whose rules there was no memory. The
    /// limiter of a shared store does that itself.
    void adopt_factor(step& s, multiplier m) {
        if constexpr (Engine::is_local)
            if (m != node_.key.rules->factor)
                node_.log.set_rules(s, key_rules::make(node_.key.rules->policy, m, node_.key.rules->reported));
    }

    /// Until when the key sends nothing after this answer; `long_ago` = it goes on.
    [[nodiscard]] instant pause(const feedback& said, bool is_refused, instant admitted, step& s) noexcept {
        const instant now = s.now;
        const instant held = held_by_limits(said, is_refused, now);
        const refusal_pause& known = node_.key.pause;
        if (!is_refused && !known.is_changed_by(is_refused, admitted)) [[likely]]
            return std::max(held, said.retry_after ? saturating_add(now, *said.retry_after) : long_ago);
        instant until = long_ago;
        const bool probes = node_.key.plan().enforce;
        node_.log.change_pause(s, [&](refusal_pause& p) {
            const bool counts = is_refused && p.is_new(admitted);
            until = std::max(p.after(said, is_refused, admitted, now), held);
            // The gate in a shared store moves after this. So no process may send the probe until then.
            if (counts && probes)
                p.half_open(Engine::is_local ? now : until);
        });
        return until;
    }

    /// Until when the reported limits stop the key; `long_ago` = they do not.
    [[nodiscard]] instant held_by_limits(const feedback& said, bool is_refused, instant now) const noexcept {
        const duration wait = server_wait(said, is_refused, node_.key.plan());
        return wait > duration::zero() ? saturating_add(now, wait) : long_ago;
    }

    /// Makes the reported limits active, where they are below the policy's.
    void adopt(const feedback& said, step& s) {
        server_rates reported = lower_than(node_.key.rules->policy, said.limits);
        duration longest = reported_min;
        for (const rate& r : reported.rates)
            longest = std::max(longest, 4 * std::min(r.period, forever / 8));
        const bool is_empty = reported == server_rates{};
        node_.key.reported_until = is_empty ? long_ago : saturating_add(s.now, longest);
        const auto& before = node_.key.rules->reported;
        if (before != nullptr ? reported == *before : is_empty)
            return;
        auto kept = is_empty ? nullptr : std::make_shared<const server_rates>(std::move(reported));
        node_.log.set_rules(s, key_rules::make(node_.key.rules->policy, node_.log.factor(engine_.store()), kept));
    }

    Engine& engine_;
    node& node_;
};

}  // namespace weir::detail
