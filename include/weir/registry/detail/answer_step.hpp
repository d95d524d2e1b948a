// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/limiter/waiter.hpp"
#include "weir/registry/detail/key_tuner.hpp"
#include "weir/registry/rulebook.hpp"
#include "weir/storage/store.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <memory>
#include <optional>

namespace weir::detail {

/// What an answer does to its key: gate, entry, tuner.
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
        const instant until = node_.pause.after(said, admitted, now);
        bool moved = false;
        adjustment tuned;
        {
            settled_list settled;
            // The gate first: nobody is to be let go in the same step in which the server asks us to stay away.
            if (until != long_ago)
                moved = node_.hold(engine_.store_, engine_.ceiling_, until, now, settled);
            node_.settle(engine_.store_, engine_.ceiling_, e, settlement::answered, now, settled);
            if (is_counted && node_.rules().policy.aimd.enabled) [[unlikely]]
                tuned = tune(said.status, admitted, now, settled);
            engine_.unlock(node_);
        }
        engine_.tell_.answered(node_, said.status, now);
        if (moved)
            engine_.tell_.held(node_, now, until);
        if (tuned)
            engine_.tell_.tuned(node_, tuned, now);
    }

private:
    adjustment tune(int status, instant admitted, instant now, settled_list& settled) {
        if (node_.tuner == nullptr)
            node_.tuner = std::make_unique<key_tuner>();
        const aimd_law law{node_.rules().policy.aimd};
        if (!node_.tuner->hears(law, status, admitted, now))
            return {};
        observation seen = node_.tuner->seen();
        seen.bound = node_.bound;
        adjustment out;
        const auto step = [&](const tuner_state& before) {
            tuner_state after = before;
            out = law.step(after, seen, now);
            return after;
        };
        const std::optional<tuner_state> kept = node_.learn(engine_.store_, step);
        if (!kept)
            return {};
        node_.tuner->told(seen, *kept, law);
        // A shared store's limiter has put the factor in force itself.
        if constexpr (Engine::is_local)
            if (out)
                node_.govern(engine_.store_, engine_.ceiling_, rulebook::make(node_.rules().policy, kept->factor), now,
                             settled);
        return out;
    }

    Engine& engine_;
    node& node_;
};

}  // namespace weir::detail
