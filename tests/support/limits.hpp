// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir_test {

using manual_store = weir::memory_store<weir::testing::manual_clock>;
using manual_registry = weir::registry<manual_store>;

/// A policy that decides at once.
inline weir::policy limited(std::vector<weir::rate> rates) {
    weir::policy p;
    p.rates = std::move(rates);
    p.max_delay = weir::duration::zero();
    return p;
}
/// A configuration in which `metadata` has `p`.
inline weir::configuration configured(const weir::policy& p, std::int64_t inflight = 0) {
    return weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(inflight).build().value();
}

/// The most of these moments in any half-open interval of `period`.
inline std::int64_t max_within(std::vector<weir::instant> at, weir::duration period) {
    std::ranges::sort(at);
    std::size_t max = 0;
    for (std::size_t i = 0, j = 0; i < at.size(); ++i) {
        while (at[i] - at[j] >= period)
            ++j;
        max = std::max(max, i - j + 1);
    }
    return static_cast<std::int64_t>(max);
}

/// A registry on a clock that stands at ten seconds.
struct manual_limits {
    explicit manual_limits(const weir::policy& p, std::int64_t inflight = 0)
        : limits{manual_store{clock}, configured(p, inflight)} {}
    weir::testing::manual_clock clock{weir::instant{std::chrono::seconds{10}}};
    manual_registry limits;
};

}  // namespace weir_test
