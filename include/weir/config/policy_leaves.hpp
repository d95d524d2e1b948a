// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

namespace detail {
/// Takes what `lower` says where `mine` says nothing.
template <class T>
constexpr void take(std::optional<T>& mine, const std::optional<T>& lower) {
    if (!mine)
        mine = lower;
}
}  // namespace detail

/// The tuner's options of which only some are written down. Each has the name it has in `aimd_options`.
struct aimd_leaves {
    std::optional<bool> enabled{};
    std::optional<double> window_s{};
    std::optional<double> high_429_ratio{};
    std::optional<double> increase_step_pct{};
    std::optional<double> decrease_step_pct{};
    std::optional<double> min_multiplier{};
    std::optional<double> max_multiplier{};

    [[nodiscard]] static aimd_leaves of(const aimd_options& a) {
        return {a.enabled,           a.window_s,       a.high_429_ratio, a.increase_step_pct,
                a.decrease_step_pct, a.min_multiplier, a.max_multiplier};
    }
    void inherit(const aimd_leaves& lower) {
        detail::take(enabled, lower.enabled);
        detail::take(window_s, lower.window_s);
        detail::take(high_429_ratio, lower.high_429_ratio);
        detail::take(increase_step_pct, lower.increase_step_pct);
        detail::take(decrease_step_pct, lower.decrease_step_pct);
        detail::take(min_multiplier, lower.min_multiplier);
        detail::take(max_multiplier, lower.max_multiplier);
    }
    /// The options these leaves make over `base`.
    [[nodiscard]] aimd_options over(const aimd_options& base) const {
        return {enabled.value_or(base.enabled),
                window_s.value_or(base.window_s),
                high_429_ratio.value_or(base.high_429_ratio),
                increase_step_pct.value_or(base.increase_step_pct),
                decrease_step_pct.value_or(base.decrease_step_pct),
                min_multiplier.value_or(base.min_multiplier),
                max_multiplier.value_or(base.max_multiplier)};
    }

    friend bool operator==(const aimd_leaves&, const aimd_leaves&) = default;
};

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
    std::optional<bool> enforce{};
    std::optional<duration> max_hold{};  ///< `forever` = none, stated
    std::optional<gate_reach> gate_scope{};
    std::optional<store_failure> on_store_error{};
    std::optional<std::int64_t> local_share{};
    std::optional<std::int64_t> lease{};
    aimd_leaves aimd{};
    bool rates_below = false;  ///< whether the `unlimited` here stands above the rates, which were inherited
    bool burst_below = false;  ///< and whether above the burst

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
        out.enforce = p.enforce;
        out.max_hold = p.max_hold;
        out.gate_scope = p.gate_scope;
        out.on_store_error = p.on_store_error;
        out.local_share = p.local_share;
        out.lease = p.lease;
        out.aimd = aimd_leaves::of(p.aimd);
        return out;
    }

    /// Takes every leaf that is not set here from `lower`. `a` over `b` over `c` is the same from either end.
    void inherit(const policy_leaves& lower) {
        using detail::take;
        if (!rates)
            rates_below = unlimited.value_or(lower.rates_below);
        if (!burst)
            burst_below = unlimited.value_or(lower.burst_below);
        take(rates, lower.rates);
        take(burst, lower.burst);
        take(unlimited, lower.unlimited);
        take(max_delay, lower.max_delay);
        take(count_head, lower.count_head);
        take(max_concurrent, lower.max_concurrent);
        take(count_from, lower.count_from);
        take(margin, lower.margin);
        take(enforce, lower.enforce);
        take(max_hold, lower.max_hold);
        take(gate_scope, lower.gate_scope);
        take(on_store_error, lower.on_store_error);
        take(local_share, lower.local_share);
        take(lease, lower.lease);
        aimd.inherit(lower.aimd);
    }

    /// The policy these leaves make; what is still unset has `policy`'s own value, which for rates is none.
    ///
    /// `rates` and `unlimited: true` are two answers to one question: the stronger counts. A key without rates has
    /// nothing to space, so `unlimited: true` puts a burst below it aside, too.
    [[nodiscard]] policy whole() const {
        policy out;
        out.unlimited = unlimited.value_or(false) && (!rates || rates_below);
        if (rates && !out.unlimited)
            out.rates = *rates;
        out.max_delay = max_delay.value_or(out.max_delay);
        out.count_head = count_head.value_or(out.count_head);
        out.max_concurrent = max_concurrent.value_or(out.max_concurrent);
        if (!out.unlimited || !burst_below)
            out.burst = burst.value_or(out.burst);
        out.count_from = count_from.value_or(out.count_from);
        out.margin = margin.value_or(out.margin);
        out.enforce = enforce.value_or(out.enforce);
        out.max_hold = max_hold.value_or(out.max_hold);
        out.gate_scope = gate_scope.value_or(out.gate_scope);
        out.on_store_error = on_store_error.value_or(out.on_store_error);
        out.local_share = local_share.value_or(out.local_share);
        out.lease = lease.value_or(out.lease);
        out.aimd = aimd.over(out.aimd);
        return out;
    }

    friend bool operator==(const policy_leaves&, const policy_leaves&) = default;
};

}  // namespace weir
