// SPDX-License-Identifier: MIT
#pragma once

#include "weir/testing/detail/naive_key.hpp"
#include "weir/testing/detail/store_trace.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::testing {

/// How thoroughly `conform` looks, and at what.
struct conformance_options {
    std::uint64_t seed = 1;  ///< of all that is random; print it, and a failure can be repeated
    int traces = 2'000;      ///< random lives of one or two keys
    int first = 0;           ///< the number of the first trace: with `traces` = 1, repeats one
    int max_failures = 3;    ///< traces that may fail before the rest is not run
    /// Store objects that take turns on the same keys, as processes would. More than one needs a `make_store` whose
    /// stores share their state; objects are then also dropped in mid-life, and their open entries must expire.
    int processes = 1;
    /// The store's own `entry_ttl`; zero = its entries never expire.
    duration entry_ttl = duration::zero();
    /// When the first trace begins. The default is of the size of a wall clock, so that a store that rounds is caught.
    instant start{std::chrono::seconds{1'760'000'000}};
    /// Prefix of every host: lets runs on one database tell their keys apart.
    std::string prefix = "conformance";
};

/// What a store does otherwise than its concept says, one text a failing trace, with all operations so far; empty when
/// it conforms. Random verbs on random policies are run on the store and on a plain list of every stamp, and every
/// answer is compared: forecasts to the nanosecond, fill, gate, factor, entries, what the tuner keeps.
///
/// `make_store()` returns a store that takes the instants it is given as its own time (`injected_time` where a store
/// has a clock of its own). A store that looks no deeper than the newest `plan.kept.exact` units is exact here.
///
/// **Complexity.** About 50 verbs a trace.
template <class Make>
[[nodiscard]] std::vector<std::string> conform(Make&& make_store, const conformance_options& options = {}) {
    std::vector<std::string> failures;
    instant now = options.start;
    for (int i = 0; i < options.traces; ++i) {
        detail::store_trace<Make> trace{
            make_store, {options.seed, options.first + i, options.processes, options.entry_ttl, options.prefix}};
        if (auto failure = trace.run(now); !failure.empty())
            failures.push_back(std::move(failure));
        if (static_cast<int>(failures.size()) >= options.max_failures)
            break;
    }
    return failures;
}

}  // namespace weir::testing
