// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/limiter/key_rules.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir {

/// The policies that a program has set for single keys. They have precedence over every configuration.
///
/// **Thread safety.** All members.
class policy_overrides {
public:
    void set(std::string host, std::string role, policy p) {
        const std::lock_guard guard{mutex_};
        policies_.insert_or_assign({std::move(host), std::move(role)}, std::move(p));
    }
    void clear(const std::string& host, const std::string& role) {
        const std::lock_guard guard{mutex_};
        policies_.erase({host, role});
    }
    [[nodiscard]] std::optional<policy> find(std::string_view host, std::string_view role) const {
        const std::lock_guard guard{mutex_};
        if (policies_.empty())
            return std::nullopt;
        const auto at = policies_.find({std::string{host}, std::string{role}});
        return at == policies_.end() ? std::nullopt : std::optional{at->second};
    }

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, policy> policies_;
};

/// One configuration, and the window plans made from it. Keys with equal policies share one plan.
///
/// **Thread safety.** All members.
class rules_cache {
public:
    rules_cache(configuration c, std::shared_ptr<policy_overrides> overrides)
        : config_(std::move(c)), overrides_(std::move(overrides)) {}

    [[nodiscard]] const configuration& config() const noexcept { return config_; }
    [[nodiscard]] const std::shared_ptr<policy_overrides>& overrides() const noexcept { return overrides_; }

    /// The rules of a key under its multiplier. If the policy is the same, it returns `before`, the rules of an earlier
    /// cache, so that keys go on sharing them.
    ///
    /// **Preconditions.** `before` is null or of multiplier 1. **Errors.** `errc::unknown_role`.
    [[nodiscard]] result<std::shared_ptr<const key_rules>>
    rules_for(std::string_view host, std::string_view role, multiplier m,
              const std::shared_ptr<const key_rules>& before = {}) {
        auto found = config_.policy_for(host, role);
        if (!found)
            return found.error();
        if (auto own = overrides_->find(host, role))
            found = *std::move(own);
        if (!m.is_one())
            return key_rules::make(std::move(*found), m);
        const std::lock_guard guard{mutex_};
        if (const auto at = shared_.find(*found); at != shared_.end())
            return at->second;
        // Made before it is inserted, so that a failure changes nothing.
        auto rules = before && before->policy == *found ? before : key_rules::make(*found, m);
        return shared_.emplace(*std::move(found), std::move(rules)).first->second;
    }

private:
    struct policy_hash {
        std::size_t operator()(const policy& p) const noexcept {
            std::size_t h = 0;
            const auto mix = [&h](std::int64_t v) { h = (h ^ std::hash<std::int64_t>{}(v)) * 0x9E3779B97F4A7C15ULL; };
            for (const rate& r : p.rates)
                for (const std::int64_t v : {r.limit, static_cast<std::int64_t>(r.period.count())})
                    mix(v);
            for (const auto v : {p.max_delay.count(), p.max_concurrent, p.burst, p.margin.count()})
                mix(v);
            return h;
        }
    };

    configuration config_;
    std::shared_ptr<policy_overrides> overrides_;
    std::mutex mutex_;
    std::unordered_map<policy, std::shared_ptr<const key_rules>, policy_hash> shared_;
};

}  // namespace weir
