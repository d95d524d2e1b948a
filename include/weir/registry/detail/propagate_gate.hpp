// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/key_table.hpp"

#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/detail/refusal_pause.hpp"

#include <exception>
#include <string>

namespace weir::detail {

/// Moves the gate of one more role of a key's host. That key may have no state yet. After a refusal it is half-open
/// too.
template <class Engine>
void hold_role(Engine& engine, std::string_view host, std::string_view role, instant until, instant now,
               bool is_refused) {
    using node = typename Engine::node;
    node& n = engine.make_node(host, role);
    ++n.key.references;
    const typename key_table<node>::reference stays{&n};
    bool moved = false;
    {
        locked_step<Engine> step{engine, n, now};
        if (is_refused && n.key.plan().enforce)
            n.log.change_pause(step.at, [&](refusal_pause& p) { p.follow(now, Engine::is_local ? now : until); });
        moved = n.log.hold(step.at, until);
    }
    if (moved)
        engine.events().gate_moves(n, now, until);
}

/// Reports that the gate of `n` was moved to `until`, and moves the gates that follow it: none, or those of every other
/// role of its host that the configuration declares. The host of a key is the host group if there is one.
///
/// **Preconditions.** No key is locked. `n` is referenced, so its host stays in its group. **Complexity.** A lookup for
/// each role, and a round trip for each if the store is shared.
template <class Engine>
[[gnu::noinline, gnu::cold]] void propagate_gate(Engine& engine, const typename Engine::node& n, gate_reach scope,
                                                 instant until, instant now, bool is_refused = false) noexcept {
    engine.events().gate_moves(n, now, until);
    if (scope == gate_reach::key || until <= now)
        return;
    const auto book = engine.current_rules();
    for (const std::string& role : book->config().roles()) {
        if (role == n.role)
            continue;
        try {
            hold_role(engine, n.host, role, until, now, is_refused);
        } catch (const std::exception&) {
            // A reload has just removed the role, or there is no memory for its key. The other gates move in any case.
        }
    }
}

}  // namespace weir::detail
