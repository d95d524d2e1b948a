// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace weir::simulation {

/// How long a request is under way: log-normal, for that is what networks look like.
struct latency {
    duration mean{};
    double sigma = 0;  ///< of the logarithm; 0 = always the mean
};

/// Random numbers that are the same on every machine: the standard's distributions are not.
class dice {
public:
    explicit dice(std::uint64_t seed) : engine_(seed) {}

    /// From 0, without 1.
    [[nodiscard]] double share() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
    [[nodiscard]] std::uint64_t below(std::uint64_t end) {
        return static_cast<std::uint64_t>(share() * static_cast<double>(end));
    }
    [[nodiscard]] duration of(const latency& l) {
        if (l.sigma == 0)
            return l.mean;
        const double u = 1 - share(), v = share();
        const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
        const double factor = std::exp(l.sigma * normal - l.sigma * l.sigma / 2);
        return duration{static_cast<std::int64_t>(static_cast<double>(l.mean.count()) * factor)};
    }
    /// Until the next of events that come every `mean`, independent of each other.
    [[nodiscard]] duration until_next(duration mean) {
        return duration{static_cast<std::int64_t>(-std::log(1 - share()) * static_cast<double>(mean.count()))};
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace weir::simulation
