// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

namespace weir::testing::detail {

/// The random choices of a trace.
class trace_dice {
public:
    static constexpr duration tick = std::chrono::microseconds{500};

    explicit trace_dice(std::uint64_t seed) : engine_(seed) {}

    [[nodiscard]] std::int64_t from(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(engine_() % (static_cast<std::uint64_t>(high - low) + 1));
    }
    [[nodiscard]] bool chance(int percent) { return from(1, 100) <= percent; }
    [[nodiscard]] std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }

    /// A policy of a few windows. If `dense`, each window holds many units.
    [[nodiscard]] policy any_policy(bool dense) {
        policy p;
        for (std::int64_t i = from(1, 4); i > 0; --i)
            p.rates.push_back({dense ? from(20, 64) : from(1, chance(30) ? 12 : 5),
                               std::chrono::milliseconds{from(1, dense ? 200 : 40)}});
        if (chance(4)) {
            p.rates.clear();
            p.unlimited = true;
        }
        if (chance(30))
            p.max_concurrent = from(1, 4);
        if (chance(30) && !p.unlimited)
            p.burst = from(1, 3);
        if (chance(50))
            p.count_from = counting::admission;
        if (chance(20))
            p.max_hold = from(0, 40) * tick;
        p.enforce = !chance(15);
        if (chance(20))
            p.margin = std::chrono::microseconds{from(1, 3000)};
        return p;
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace weir::testing::detail
