// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

/// A policy of which only some leaves are written down; the rest is inherited.
struct policy_leaves {
    std::optional<std::vector<rate>> rates{};
    std::optional<bool> unlimited{};
    std::optional<duration> max_delay{};
    std::optional<bool> count_head{};
    std::optional<std::int64_t> max_concurrent{};  ///< 0 = no ceiling, stated
    std::optional<std::int64_t> burst{};           ///< 0 = no spacing, stated
    std::optional<counting> count_from{};
    std::optional<duration> margin{};

    /// Every leaf of a whole policy.
    [[nodiscard]] static policy_leaves of(const policy& p) {
        policy_leaves out;
        if (!p.rates.empty() || !p.unlimited)
            out.rates = p.rates;
        out.unlimited = p.unlimited;
        out.max_delay = p.max_delay;
        out.count_head = p.count_head;
        out.max_concurrent = p.max_concurrent;
        out.burst = p.burst;
        out.count_from = p.count_from;
        out.margin = p.margin;
        return out;
    }

    /// Takes every leaf that is not set here from `lower`.
    ///
    /// `rates` and `unlimited: true` are two answers to one question, so the one set here keeps the other from being
    /// inherited. A key without rates has nothing to space, so `unlimited: true` keeps `burst` away too.
    void inherit(const policy_leaves& lower) {
        const auto take = [](auto& mine, const auto& theirs) {
            if (!mine)
                mine = theirs;
        };
        if (rates && !unlimited)
            unlimited = false;
        take(unlimited, lower.unlimited);
        if (!unlimited.value_or(false)) {
            take(rates, lower.rates);
            take(burst, lower.burst);
        }
        take(max_delay, lower.max_delay);
        take(count_head, lower.count_head);
        take(max_concurrent, lower.max_concurrent);
        take(count_from, lower.count_from);
        take(margin, lower.margin);
    }

    /// The policy these leaves make; what is still unset has `policy`'s own value, which for rates is none.
    [[nodiscard]] policy whole() const {
        policy out;
        if (rates)
            out.rates = *rates;
        out.unlimited = unlimited.value_or(out.unlimited);
        out.max_delay = max_delay.value_or(out.max_delay);
        out.count_head = count_head.value_or(out.count_head);
        out.max_concurrent = max_concurrent.value_or(out.max_concurrent);
        out.burst = burst.value_or(out.burst);
        out.count_from = count_from.value_or(out.count_from);
        out.margin = margin.value_or(out.margin);
        return out;
    }

    friend bool operator==(const policy_leaves&, const policy_leaves&) = default;
};

}  // namespace weir
