// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/detail/propagate_gate.hpp"

#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace weir::detail {

/// What a program changes by hand of one key, which is locked. Each verb serves the queue and unlocks the key.
template <class Engine, class When>
class change_step {
public:
    using node = typename Engine::node;
    change_step(Engine& engine, node& n, When when) noexcept : engine_(engine), node_(n), when_(when) {}

    /// Forgets the history.
    void erase(open_entries what) {
        locked_step<Engine> step{engine_, node_, engine_.time(when_)};
        const step_reference stays{node_};
        if (node_.log.factor(engine_.store()).is_one())
            node_.log.erase(step.at, what);
        else
            rescale(step, {}, [&] { node_.log.erase(step.at, what); });
    }

    void tune(multiplier m) {
        locked_step<Engine> step{engine_, node_, engine_.time(when_)};
        const step_reference stays{node_};
        rescale(step, m, [&] { node_.log.tune(step.at, m); });
    }

    void set_policy(const policy& p) {
        locked_step<Engine> step{engine_, node_, engine_.time(when_)};
        set_rules(step, p, node_.log.factor(engine_.store()));
    }

    /// Moves the gate, and the gates that move with it. **Preconditions.** The key is referenced.
    bool hold(instant until) {
        const instant now = engine_.time(when_);
        bool moved = false;
        gate_reach scope = gate_reach::key;
        {
            locked_step<Engine> step{engine_, node_, now};
            moved = node_.log.hold(step.at, until);
            scope = node_.key.rules->policy.gate_scope;
        }
        if (moved)
            propagate_gate(engine_, node_, scope, until, now);
        return moved;
    }

    bool open_gate() {
        locked_step<Engine> step{engine_, node_, engine_.time(when_)};
        return node_.log.open_gate(step.at);
    }

    void pause(bool is_paused) {
        locked_step<Engine> step{engine_, node_, engine_.time(when_)};
        node_.key.is_paused = is_paused;
        node_.key.denial.clear();
        node_.key.mark_stale();
        step.at.note(key_step<typename Engine::store_type>::change::better);
    }

private:
    /// Makes the rules for the factor `m` before `change` gives it to the store: without memory nothing has changed.
    template <class F>
    void rescale(locked_step<Engine>& step, multiplier m, F&& change) {
        const auto before = node_.key.rules;
        auto scaled = key_rules::make(before->policy, m, before->reported);
        change();
        // A shared store's verb releases the lock, and a reload may have come meanwhile.
        if (node_.key.rules != before)
            set_rules(step, node_.key.rules->policy, m);
        else
            node_.log.set_rules(step.at, std::move(scaled));
    }
    void set_rules(locked_step<Engine>& step, const policy& p, multiplier m) {
        node_.log.set_rules(step.at, key_rules::make(p, m, node_.key.rules->reported));
    }

    Engine& engine_;
    node& node_;
    When when_;
};
template <class Engine, class Node, class When>
change_step(Engine&, Node&, When) -> change_step<Engine, When>;

/// Sets the policy of one key, or with null goes back to the configuration's. **Preconditions.** No reload runs.
template <class Engine, class When>
[[nodiscard]] result<void> set_policy(Engine& engine, std::string_view host, std::string_view role, const policy* p,
                                      When when) {
    const auto canonical = engine.canonical(host);
    if (!canonical)
        return canonical.error();
    const auto book = engine.current_rules();
    const std::string owner{book->config().key_host(*canonical)};
    if (auto known = book->config().policy_for(owner, role); !known)
        return known.error();
    if (p != nullptr) {
        std::string text;
        for (const std::string& fault : faults_of(*p))
            text.append(text.empty() ? "" : "\n").append(fmt::format("{}/{}: {}", owner, role, fault));
        if (!text.empty())
            return error{errc::bad_configuration, std::move(text)};
        book->overrides()->set(owner, std::string{role}, *p);
    } else {
        book->overrides()->clear(owner, std::string{role});
    }
    auto rules = book->rules_for(owner, role, {});
    if (!rules)
        return rules.error();
    change_step{engine, engine.make_node(owner, role), when}.set_policy((*rules)->policy);
    return {};
}

}  // namespace weir::detail
