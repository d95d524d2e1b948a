// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>

namespace weir {

/// The tuner's factor on a key's rates, 0 < m <= 1. It is kept in millionths, so that scaling a rate is exact integer
/// arithmetic.
class multiplier {
public:
    static constexpr std::int64_t one = 1'000'000;

    constexpr multiplier() = default;

    /// The multiplier closest to `factor`, limited to [0.000001, 1].
    static constexpr multiplier of(double factor) noexcept {
        const double scaled = factor * static_cast<double>(one) + 0.5;
        if (!(scaled >= 1.0))
            return multiplier{1};
        if (scaled >= static_cast<double>(one))
            return multiplier{one};
        return multiplier{static_cast<std::int64_t>(scaled)};
    }

    /// The multiplier of `count` millionths, limited to 1 to 1,000,000 of them.
    static constexpr multiplier of_millionths(std::int64_t count) noexcept {
        return multiplier{std::clamp<std::int64_t>(count, 1, one)};
    }

    [[nodiscard]] constexpr std::int64_t millionths() const noexcept { return millionths_; }
    [[nodiscard]] constexpr double value() const noexcept {
        return static_cast<double>(millionths_) / static_cast<double>(one);
    }
    [[nodiscard]] constexpr bool is_one() const noexcept { return millionths_ == one; }

    friend constexpr auto operator<=>(multiplier, multiplier) = default;

private:
    constexpr explicit multiplier(std::int64_t millionths) noexcept
        : millionths_(static_cast<std::int32_t>(millionths)) {}
    std::int32_t millionths_ = one;
};

}  // namespace weir
