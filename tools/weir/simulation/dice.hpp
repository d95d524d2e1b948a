// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace weir::simulation {

/// How long a round trip takes: a floor that it never goes below, and what comes on top of it.
struct latency {
    enum class shape : std::uint8_t { log_normal, exponential };

    duration mean{};   ///< of what comes on top of the floor
    double sigma = 0;  ///< of its logarithm, in each direction; 0 = always the mean; without meaning for exponential
    duration floor{};
    shape on_top = shape::log_normal;

    [[nodiscard]] constexpr duration whole_mean() const noexcept { return floor + mean; }
};

/// A path whose latency changes.
struct latency_change {
    duration from{};
    latency then{};
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
    /// The time of one direction, which takes `part` of the floor and of the mean. Both directions are independent.
    [[nodiscard]] duration one_way(const latency& l, double part) {
        const double mean = static_cast<double>(l.mean.count()) * part;
        return duration{static_cast<std::int64_t>(static_cast<double>(l.floor.count()) * part + mean * factor(l))};
    }
    /// Until the next of events that come every `mean`, independent of each other.
    [[nodiscard]] duration until_next(duration mean) {
        return duration{static_cast<std::int64_t>(-std::log(1 - share()) * static_cast<double>(mean.count()))};
    }

private:
    [[nodiscard]] double factor(const latency& l) {
        if (l.on_top == latency::shape::exponential)
            return -std::log(1 - share());
        if (l.sigma == 0)
            return 1;
        const double u = 1 - share(), v = share();
        const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
        return std::exp(l.sigma * normal - l.sigma * l.sigma / 2);
    }

    std::mt19937_64 engine_;
};

}  // namespace weir::simulation
