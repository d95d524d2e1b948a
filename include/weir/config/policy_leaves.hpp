// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/leaf_rule.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/policy_rules.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir {

namespace detail {
/// The row of `policy_rules` for the member at the end of `Path`. A member that is not a leaf does not compile.
template <auto... Path>
[[nodiscard]] consteval std::size_t policy_index() {
    std::size_t index = 0;
    while (policy_rules.at(index).copy != &member_access<policy, Path...>::copy)
        ++index;
    return index;
}
}  // namespace detail

/// A policy of which only some leaves are set. The other leaves are inherited.
///
///     policy_leaves{}.set<&policy::max_delay>(5s).set<&policy::aimd, &aimd_options::enabled>(true)
class policy_leaves {
public:
    policy_leaves() = default;

    /// Every leaf of a whole policy.
    [[nodiscard]] static policy_leaves of(const policy& p) {
        policy_leaves out;
        out.values_ = p;
        out.set_ = all;
        if (p.rates.empty() && p.unlimited)
            out.set_ &= ~bit(detail::policy_index<&policy::rates>());
        return out;
    }
    /// Every leaf of the tuner, and no other leaf.
    [[nodiscard]] static policy_leaves of(const aimd_options& a) {
        policy_leaves out;
        out.values_.aimd = a;
        out.set_ = all & ~(bit(detail::role_rules.size()) - 1);
        return out;
    }

    /// Sets the leaf that is the member at the end of `Path`.
    template <auto... Path, class T>
    policy_leaves& set(T&& value) {
        detail::member_at<Path...>(values_) = std::forward<T>(value);
        set_ |= bit(detail::policy_index<Path...>());
        return *this;
    }
    /// The same for a row of `policy_rules` and a value that has passed its check.
    void set(const member_rule<policy>& rule, checked_value&& value) {
        rule.store(values_, std::move(value));
        set_ |= bit(static_cast<std::size_t>(&rule - policy_rules.data()));
    }

    /// The value of the leaf; null = it is not set.
    template <auto... Path>
    [[nodiscard]] constexpr const auto* get() const noexcept {
        return has<Path...>() ? &detail::member_at<Path...>(values_) : nullptr;
    }
    template <auto... Path>
    [[nodiscard]] constexpr bool has() const noexcept {
        return (set_ & bit(detail::policy_index<Path...>())) != 0;
    }
    [[nodiscard]] bool is_empty() const noexcept { return set_ == 0; }
    /// Whether `unlimited: true` is set.
    [[nodiscard]] bool lifts() const noexcept { return values_.unlimited; }

    /// Takes every leaf that is not set here from `lower`. The operation is associative.
    void inherit(const policy_leaves& lower) {
        const bool stated = has<&policy::unlimited>();
        if (!has<&policy::rates>())
            rates_below_ = stated ? values_.unlimited : lower.rates_below_;
        if (!has<&policy::burst>())
            burst_below_ = stated ? values_.unlimited : lower.burst_below_;
        for (std::uint32_t taken = lower.set_ & ~set_; taken != 0; taken &= taken - 1)
            policy_rules[static_cast<std::size_t>(std::countr_zero(taken))].copy(lower.values_, values_);
        set_ |= lower.set_;
    }

    /// The policy that these leaves make. A leaf that is not set has the default of `policy`, which has no rates.
    ///
    /// `rates` and `unlimited: true` exclude each other, and the stronger one has an effect. A key without rates has no
    /// admissions to space, so `unlimited: true` also cancels a weaker burst.
    [[nodiscard]] policy whole() const {
        policy out = values_;
        out.unlimited = out.unlimited && (!has<&policy::rates>() || rates_below_);
        if (out.unlimited) {
            out.rates.clear();
            if (burst_below_)
                out.burst = 0;
        }
        return out;
    }

    friend bool operator==(const policy_leaves&, const policy_leaves&) = default;

private:
    static_assert(policy_rules.size() < 32, "one bit for each leaf");
    static constexpr std::uint32_t all = (1U << policy_rules.size()) - 1;
    static constexpr std::uint32_t bit(std::size_t index) noexcept { return std::uint32_t{1} << index; }

    policy values_{};  // a leaf that is not set has the member's default
    std::uint32_t set_ = 0;
    bool rates_below_ = false;  // whether `unlimited` is set here and the rates were inherited
    bool burst_below_ = false;  // the same for the burst
};

}  // namespace weir
