// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"

#include <memory>
#include <utility>

namespace weir {

/// A policy, its windows under one multiplier, and the limits that the server reported. Immutable once made; keys with
/// equal policies share one object.
struct key_rules {
    weir::policy policy;
    window_plan plan;
    std::shared_ptr<const server_rates> reported{};
    /// The tuner's factor that the plan is made with.
    multiplier factor{};

    [[nodiscard]] static std::shared_ptr<const key_rules> make(weir::policy p, multiplier m,
                                                               std::shared_ptr<const server_rates> reported = {}) {
        auto plan = plan_windows(p, m, reported.get());
        return std::make_shared<const key_rules>(key_rules{std::move(p), std::move(plan), std::move(reported), m});
    }
};

}  // namespace weir
