// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/group_change.hpp"
#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/key_table.hpp"
#include "weir/registry/rules_cache.hpp"

#include "weir/config/resolution.hpp"
#include "weir/core/error.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/key_rules.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace weir::detail {

/// Why a resolution with faults does not become active. The text is never empty, because an event with an empty text
/// reports success.
[[nodiscard]] inline error refusal_of(const resolution& r) {
    error refusal{errc::bad_configuration, r.fault_text()};
    while (refusal.message.ends_with('\n'))
        refusal.message.pop_back();
    if (refusal.message.empty())
        refusal.message = "no configuration";
    return refusal;
}

/// One reload: another rules_cache replaces an engine's, and every key gets its new rules.
///
/// Policies are looked up before anything changes, with nothing locked. Then each key whose policy differs, or that has
/// waiters, is locked alone. No step holds a lock for longer than the queue of one key needs, whatever the number of
/// keys.
///
/// **Preconditions.** Only one at a time for an engine. `number` is not 0, and different each time.
template <class Engine, class When>
class reload_step {
public:
    reload_step(Engine& engine, std::shared_ptr<rules_cache> fresh, std::uint32_t number, When when)
        : engine_(engine), fresh_(std::move(fresh)), number_(number), when_(when) {}

    /// **Effects.** All or nothing. **Errors.** As `registry::reload`; and `std::bad_alloc`, after which the reload may
    /// be done in part: another one completes it.
    [[nodiscard]] result<void> operator()() {
        if (auto fault = try_prepare())
            return *std::move(fault);
        // This object destroys the old one at its end, with nothing locked: the rules of ten thousand keys take a
        // while.
        old_ = engine_.rules().replace(fresh_);
        engine_.ceiling().limit(fresh_->config().global_max_inflight());
        apply();
        // Keys that were made in the meantime. A key made from now on has the new rules.
        for (auto& key : engine_.nodes().refer_all()) {
            (void)look_up(*key);  // if its role is gone: as for an idle key
            keys_.push_back(std::move(key));
        }
        apply();
        engine_.serve_line(engine_.time(when_));
        return {};
    }

private:
    using node = typename Engine::node;
    using rules = std::shared_ptr<const key_rules>;

    /// Prepares, or lets the keys be made again that it has held off.
    [[nodiscard]] std::optional<error> try_prepare() {
        try {
            auto fault = prepare();
            if (fault)
                engine_.rules().hold_off(nullptr);
            return fault;
        } catch (...) {
            engine_.rules().hold_off(nullptr);
            throw;
        }
    }

    /// Finds out whether the new rules can become active, and which keys they change.
    [[nodiscard]] std::optional<error> prepare() {
        if (auto fault = regroup())
            return fault;
        keys_ = engine_.nodes().refer_all();
        changes_.reserve(keys_.size());
        for (const auto& key : keys_)
            if (auto fault = look_up(*key))
                return fault;
        return std::nullopt;
    }

    /// Forgets the idle keys whose hosts change groups. None of them is made again before the end of the reload.
    /// Returns an error if one of them is in use.
    [[nodiscard]] std::optional<error> regroup() {
        const auto moves = group_change::between(engine_.current_rules()->config(), fresh_->config());
        if (moves == nullptr)
            return std::nullopt;
        engine_.rules().hold_off(moves);
        std::optional<error> fault;
        engine_.nodes().erase_if([&](node& n) {
            if (fault || !moves->affects(n.host))
                return false;
            const bool is_idle = !n.is_in_use(engine_.store(), engine_.time(when_));
            if (!is_idle)
                fault = moves->refusal({std::string{n.host}, std::string{n.role}});
            return is_idle;
        });
        return fault;
    }

    /// Records the new rules of a key that was not looked at yet. Returns an error if the key is in use and its role is
    /// gone.
    [[nodiscard]] std::optional<error> look_up(node& n) {
        if (n.reloaded == number_)
            return std::nullopt;
        n.reloaded = number_;
        rules before;
        bool in_use = false, queue_empty = false, has_own_rules = false;
        {
            const std::lock_guard guard{n};
            before = n.key.rules;
            queue_empty = n.key.queue_empty();
            has_own_rules = !n.log.factor(engine_.store()).is_one() || before->reported != nullptr;
            // The reference of this reload itself is not counted.
            --n.key.references;
            in_use = n.is_in_use(engine_.store(), engine_.time(when_));
            ++n.key.references;
        }
        auto after = fresh_->rules_for(n.host, n.role, {}, has_own_rules ? rules{} : before);
        // An idle key may have a role that is gone: it keeps its rules until it is forgotten.
        if (!after)
            return in_use ? std::optional{after.error()} : std::nullopt;
        // A queue is assessed again even under the same policy, because the ceiling over all keys may have changed.
        if (!queue_empty || (*after != before && (*after)->policy != before->policy))
            changes_.push_back({&n, *std::move(after)});
        return std::nullopt;
    }

    void apply() {
        for (change& c : changes_)
            set_rules(*c.key, std::move(c.to));
        changes_.clear();
    }

    void set_rules(node& n, const rules& fresh) {
        std::shared_ptr<const server_rates> reported;
        for (multiplier m{};;) {
            rules scaled = m.is_one() && reported == nullptr ? fresh : key_rules::make(fresh->policy, m, reported);
            n.lock();
            locked_step<Engine> step{engine_, n, engine_.time(when_)};
            if (n.key.tuner != nullptr && !fresh->policy.aimd.enabled) {
                // Without tuning the rates are the configured ones.
                n.key.tuner.reset();
                n.log.tune(step.at, {});
            }
            const multiplier in_force = n.log.factor(engine_.store());
            if (in_force == m && reported == n.key.rules->reported) {
                n.log.set_rules(step.at, std::move(scaled));
                return;
            }
            // Windows are computed with nothing locked.
            reported = n.key.rules->reported;
            m = in_force;
        }
    }

    struct change {
        node* key;
        rules to;
    };

    Engine& engine_;
    std::shared_ptr<rules_cache> fresh_;
    std::shared_ptr<rules_cache> old_;
    const std::uint32_t number_;
    const When when_;
    std::vector<typename key_table<node>::reference> keys_;
    std::vector<change> changes_;
};

}  // namespace weir::detail
