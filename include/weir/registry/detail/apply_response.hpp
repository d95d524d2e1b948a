// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/key_notes.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/detail/limit_notes.hpp"
#include "weir/limiter/detail/refusal_pause.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/observe/feedback.hpp"
#include "weir/observe/feedback_text.hpp"
#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/detail/propagate_gate.hpp"
#include "weir/registry/detail/server_limits.hpp"
#include "weir/storage/store.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
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
    void operator()(entry& e, feedback said, When when) noexcept {
        node_.lock();
        const instant now = engine_.time(when);
        const instant admitted = e.stamp;
        bool is_refused = false;
        instant until = long_ago;
        bool moved = false;
        gate_reach scope = gate_reach::key;
        adjustment tuned;
        const feedback all = said;
        std::shared_ptr<const key_rules> rules;  // set if what the answer says about limits is an event
        {
            locked_step<Engine> locked{engine_, node_, now};
            key_core& key = node_.key;
            is_refused = is_refusal(key.rules->policy, said);
            if constexpr (Engine::is_observed)
                if (const std::uint32_t kind = kind_of(said, is_refused); kind != 0 && kind != key.last_kind) {
                    key.last_kind = kind;
                    rules = key.rules;
                }
            if (!obeys_limits(key.rules->policy, is_refused))
                said.limits = {};
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
                if (!said.limits.empty() || key.reported_due <= now) [[unlikely]]
                    adopt(said, is_refused, locked.at);
            } catch (const std::bad_alloc&) {
                // This answer teaches nothing, because there is no memory; the next one may.
            }
        }
        engine_.events().answered(node_, said.status, now);
        if (rules != nullptr)
            engine_.events().feedback(node_, rules->policy, all, is_refused, until, now);
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
        const duration first = node_.key.rules->policy.refusal_pause;
        node_.log.change_pause(s, [&](refusal_pause& p) {
            const bool counts = is_refused && p.is_new(admitted);
            until = std::max(p.after(said, is_refused, admitted, now, first), held);
            // The gate in a shared store moves after this. So no process may send the probe until then.
            if (counts && probes)
                p.half_open(Engine::is_local ? now : until);
        });
        return until;
    }

    /// Until when the reported limits stop the key; `long_ago` = they do not.
    [[nodiscard]] instant held_by_limits(const feedback& said, bool is_refused, instant now) const noexcept {
        const duration wait = server_wait(said, is_refused, node_.key.plan(), node_.key.reported.get(), now);
        return wait > duration::zero() ? saturating_add(now, wait) : long_ago;
    }

    /// Notes the reported limits, and makes those active that are below the policy's.
    void adopt(const feedback& said, bool is_refused, step& s) {
        const bool is_success = said.status == 0 || (said.status >= 200 && said.status < 300);
        const auto note = [&, now = s.now](limit_list& notes) {
            note_limits(notes, said.limits, is_success || is_refused, now);
        };
        const limit_list before = node_.key.reported != nullptr ? *node_.key.reported : limit_list{};
        limit_list after = before;
        note(after);
        if constexpr (!Engine::is_local)
            if (is_news(before, after, s.now))
                share(after, note, s);
        if (auto fresh = node_.key.adopt(after, node_.log.factor(engine_.store())))
            node_.log.set_rules(s, std::move(fresh));
    }
    /// Notes the same in the store, and reads what other processes have noted. Releases the lock.
    template <class Note>
    void share(limit_list& after, const Note& note, step& s) {
        const auto learning = [&](const tuner_state& state) {
            tuner_state next = state;
            key_notes notes = state.notes != nullptr ? *state.notes : key_notes{};
            note(notes.limits);
            after = notes.limits;
            next.notes = std::make_shared<const key_notes>(notes);
            return next;
        };
        node_.log.learn(s, learning);
    }

    Engine& engine_;
    node& node_;
};

}  // namespace weir::detail
