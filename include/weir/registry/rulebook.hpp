// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/limiter/key_limiter.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir {

/// One configuration, and the window plans made from it: keys with equal policies share one.
///
/// **Thread safety.** All members.
class rulebook {
public:
    explicit rulebook(configuration c) : config_(std::move(c)) {}

    [[nodiscard]] const configuration& config() const noexcept { return config_; }

    /// The rules of a key under its multiplier. `before`, an earlier rulebook's, are kept where they say the same, so
    /// that keys go on sharing them.
    ///
    /// **Preconditions.** `before` is null or of multiplier 1. **Errors.** `errc::unknown_role`.
    [[nodiscard]] result<std::shared_ptr<const governed>>
    rules_for(std::string_view host, std::string_view role, multiplier m,
              const std::shared_ptr<const governed>& before = {}) {
        auto found = config_.policy_for(host, role);
        if (!found)
            return found.error();
        if (!m.is_one())
            return governed::make(std::move(*found), m);
        const std::lock_guard guard{mutex_};
        const auto [at, is_new] = shared_.try_emplace(std::move(*found));
        if (is_new)
            at->second = before && before->policy == at->first ? before : governed::make(at->first, m);
        return at->second;
    }

private:
    struct policy_hash {
        std::size_t operator()(const policy& p) const noexcept {
            std::size_t h = 0;
            const auto mix = [&h](std::int64_t v) { h = (h ^ std::hash<std::int64_t>{}(v)) * 0x9E3779B97F4A7C15ULL; };
            for (const rate& r : p.rates)
                mix(r.limit), mix(r.period.count());
            for (const auto v : {p.max_delay.count(), p.max_concurrent, p.burst, p.margin.count()})
                mix(v);
            return h;
        }
    };

    configuration config_;
    std::mutex mutex_;
    std::unordered_map<policy, std::shared_ptr<const governed>, policy_hash> shared_;
};

}  // namespace weir
