// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace weir {

/// How a key's rates follow the server's 429 and 503 answers (additive increase, multiplicative decrease).
struct aimd_options {
    /// Whether rates are tuned at all.
    bool enabled = false;
    /// Length of one observation, in seconds; above 0.
    double window_s = 60;
    /// Share of 429 and 503 answers in a window from which on the rates are cut; above 0, at most 1.
    double high_429_ratio = 0.05;
    /// Growth after a quiet window, in percent of the configured rate; above 0, at most 100.
    double increase_step_pct = 5;
    /// Cut, in percent of the current rate; above 0, at most 99.
    double decrease_step_pct = 20;
    /// Least factor on a rate; 0.000001 to 1.
    double min_multiplier = 0.3;
    /// Greatest factor on a rate; 0.000001 to 1.
    double max_multiplier = 1.0;

    friend bool operator==(const aimd_options&, const aimd_options&) = default;
};

/// What is wrong with the tuner's options, one sentence a fault that begins with the leaf's name; empty when they can
/// be used.
[[nodiscard]] inline std::vector<std::string> faults_of(const aimd_options& a) {
    std::vector<std::string> faults;
    const auto within = [&faults](const char* name, double value, double least, double most) {
        if (!(value >= least && value <= most))
            faults.push_back(fmt::format("{}: {} is outside {} to {}", name, value, least, most));
    };
    within("window_s", a.window_s, 0.001, 604800);
    within("high_429_ratio", a.high_429_ratio, 0.000001, 1);
    within("increase_step_pct", a.increase_step_pct, 0.000001, 100);
    within("decrease_step_pct", a.decrease_step_pct, 0.000001, 99);
    within("min_multiplier", a.min_multiplier, 0.000001, 1);
    within("max_multiplier", a.max_multiplier, 0.000001, 1);
    if (a.min_multiplier > a.max_multiplier)
        faults.push_back(
            fmt::format("min_multiplier: {} is above max_multiplier {}", a.min_multiplier, a.max_multiplier));
    return faults;
}

}  // namespace weir
