// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/leaf_rule.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

namespace weir {

/// How a key's rates follow the server's 429 and 503 answers (additive increase, multiplicative decrease). The ranges
/// are in `detail::aimd_rules`.
struct aimd_options {
    /// Whether rates are tuned.
    bool enabled = false;
    /// Length of one observation, in seconds.
    double window_s = 60;
    /// The share of 429 and 503 answers in a window that causes a cut.
    double high_429_ratio = 0.05;
    /// Growth after a quiet window, in percent of the configured rate.
    double increase_step_pct = 5;
    /// Cut, in percent of the current rate.
    double decrease_step_pct = 20;
    /// Smallest factor on a rate.
    double min_multiplier = 0.3;
    /// Greatest factor on a rate.
    double max_multiplier = 1.0;

    friend bool operator==(const aimd_options&, const aimd_options&) = default;
};

namespace detail {

/// The tuner's leaves. `Path` leads from an `Owner` to its `aimd_options`. At the top of a configuration they apply to
/// every key, below a role to that role.
template <class Owner, auto... Path>
inline constexpr std::array<member_rule<Owner>, 7> aimd_rules{{
    member_leaf<Owner, Path..., &aimd_options::enabled>("aimd.enabled",
                                                        "whether rates follow the server's 429 and 503 answers"),
    member_leaf<Owner, Path..., &aimd_options::window_s>("aimd.window_s", "length of one observation, in seconds",
                                                         {.min = 0.001, .max = 604800}),
    member_leaf<Owner, Path..., &aimd_options::high_429_ratio>(
        "aimd.high_429_ratio", "share of 429 and 503 answers from which on rates are cut", {.min = 0.000001, .max = 1}),
    member_leaf<Owner, Path..., &aimd_options::increase_step_pct>(
        "aimd.increase_step_pct", "growth after a quiet window, percent of the configured rate",
        {.min = 0.000001, .max = 100}),
    member_leaf<Owner, Path..., &aimd_options::decrease_step_pct>(
        "aimd.decrease_step_pct", "cut, percent of the current rate", {.min = 0.000001, .max = 99}),
    member_leaf<Owner, Path..., &aimd_options::min_multiplier>("aimd.min_multiplier", "least factor on a rate",
                                                               {.min = 0.000001, .max = 1}),
    member_leaf<Owner, Path..., &aimd_options::max_multiplier>("aimd.max_multiplier", "greatest factor on a rate",
                                                               {.min = 0.000001, .max = 1}),
}};

}  // namespace detail

/// The faults of the tuner's options, one sentence for each, which begins with the leaf's path; empty if they can be
/// used.
[[nodiscard]] inline std::vector<std::string> faults_of(const aimd_options& a) {
    std::vector<std::string> faults;
    detail::add_range_faults(detail::aimd_rules<aimd_options>, a, faults);
    if (a.min_multiplier > a.max_multiplier)
        faults.push_back(
            fmt::format("aimd.min_multiplier: {} is above max_multiplier {}", a.min_multiplier, a.max_multiplier));
    return faults;
}

}  // namespace weir
