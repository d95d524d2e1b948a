// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/regrouping.hpp"
#include "weir/registry/key_table.hpp"
#include "weir/registry/rulebook.hpp"

#include "weir/config/resolution.hpp"
#include "weir/core/error.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/key_limiter.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace weir::detail {

/// Why a resolution with faults is not put in force. Never without a text: an event without one says that it was.
[[nodiscard]] inline error refusal_of(const resolution& r) {
    error refusal{errc::bad_configuration, r.fault_text()};
    while (refusal.message.ends_with('\n'))
        refusal.message.pop_back();
    if (refusal.message.empty())
        refusal.message = "no configuration";
    return refusal;
}

/// One reload: another rulebook takes the place of an engine's, and every key's rules follow.
///
/// Policies are looked up before anything changes and with nothing locked; then each key whose policy differs, or that
/// has waiters, is locked by itself. No step holds a lock for longer than one key's queue needs, whatever the number of
/// keys.
///
/// **Preconditions.** One at a time for an engine; `number` is not 0, and another one each time.
template <class Engine, class When>
class reload_step {
public:
    reload_step(Engine& engine, std::shared_ptr<rulebook> fresh, std::uint64_t number, When when)
        : engine_(engine), fresh_(std::move(fresh)), number_(number), when_(when) {}

    /// **Effects.** All or nothing. **Errors.** As `registry::reload`.
    [[nodiscard]] std::optional<error> operator()() {
        if (auto fault = prepare()) {
            engine_.rules_.hold_off(nullptr);
            return fault;
        }
        // The old one goes when this does: giving back what ten thousand keys had takes its time.
        old_ = engine_.rules_.replace(fresh_);
        engine_.ceiling_.limit(fresh_->config().global_max_inflight());
        apply();
        // Keys that came meanwhile. Who comes from now on looks at the new rules, or sees that they have changed.
        for (auto& key : engine_.nodes_.pin_all()) {
            (void)look_up(*key);  // of a role that vanished: as an idle key
            keys_.push_back(std::move(key));
        }
        apply();
        engine_.serve_starving(engine_.time(when_));
        return std::nullopt;
    }

private:
    using node = typename Engine::node;
    using rules = std::shared_ptr<const governed>;

    /// Finds out whether the new rules can be put in force, and what they change.
    [[nodiscard]] std::optional<error> prepare() {
        if (auto fault = regroup())
            return fault;
        keys_ = engine_.nodes_.pin_all();
        changes_.reserve(keys_.size());
        for (const auto& key : keys_)
            if (auto fault = look_up(*key))
                return fault;
        return std::nullopt;
    }

    /// Forgets the idle keys whose hosts change groups; until the end of this nobody makes them anew. An error: one of
    /// them is in use.
    [[nodiscard]] std::optional<error> regroup() {
        const auto moves = regrouping::between(engine_.current_rules()->config(), fresh_->config());
        if (moves == nullptr)
            return std::nullopt;
        engine_.rules_.hold_off(moves);
        std::optional<error> fault;
        engine_.nodes_.erase_if([&](node& n) {
            if (fault || !moves->affects(n.host))
                return false;
            const bool is_idle = n.idle(engine_.store_, engine_.time(when_));
            if (!is_idle)
                fault = moves->refusal({n.host, n.role});
            return is_idle;
        });
        return fault;
    }

    /// Notes what is to become of a key that has not been looked at. An error: the key is in use and its role is gone.
    [[nodiscard]] std::optional<error> look_up(node& n) {
        if (n.reloaded == number_)
            return std::nullopt;
        n.reloaded = number_;
        rules before;
        bool in_use = false, is_quiet = false, has_own_rules = false;
        {
            const std::lock_guard guard{n};
            before = n.shared_rules();
            is_quiet = n.quiet();
            has_own_rules = !n.factor(engine_.store_).is_one() || n.rules().told != nullptr;
            in_use = n.in_use(engine_.store_, engine_.time(when_));
        }
        auto after = fresh_->rules_for(n.host, n.role, {}, has_own_rules ? rules{} : before);
        // A role that vanished may belong to an idle key: it keeps its rules until it is forgotten.
        if (!after)
            return in_use ? std::optional{after.error()} : std::nullopt;
        // A queue is foreseen anew even under the same policy: the ceiling over all keys may be another.
        if (!is_quiet || (*after != before && (*after)->policy != before->policy))
            changes_.push_back({&n, *std::move(after)});
        return std::nullopt;
    }

    void apply() {
        for (change& c : changes_)
            govern(*c.key, std::move(c.to));
        changes_.clear();
    }

    void govern(node& n, const rules& fresh) {
        std::shared_ptr<const told_rates> told;
        for (multiplier m{};;) {
            rules scaled = m.is_one() && told == nullptr ? fresh : governed::make(fresh->policy, m, told);
            n.lock();
            if (n.tuner != nullptr && !fresh->policy.aimd.enabled) {
                // Whoever turns tuning off wants the rates as they are written.
                n.tuner.reset();
                n.tune(engine_.store_, {});
            }
            const multiplier in_force = n.factor(engine_.store_);
            if (in_force == m && told == n.rules().told) {
                const instant now = engine_.time(when_);
                typename Engine::locked_step step{engine_, n};
                n.govern(engine_.store_, engine_.ceiling_, std::move(scaled), now, step.settled);
                return;
            }
            told = n.rules().told;
            n.unlock();  // windows are computed with nothing locked
            m = in_force;
        }
    }

    struct change {
        node* key;
        rules to;
    };

    Engine& engine_;
    std::shared_ptr<rulebook> fresh_;
    std::shared_ptr<rulebook> old_;
    const std::uint64_t number_;
    const When when_;
    std::vector<typename key_table<node>::pinned> keys_;
    std::vector<change> changes_;
};

}  // namespace weir::detail
