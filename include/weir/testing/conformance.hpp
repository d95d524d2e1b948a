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

/// What `conform` tests, and how thoroughly.
struct conformance_options {
    std::uint64_t seed = 1;  ///< of everything random; print it, so that a failure can be repeated
    int traces = 2'000;      ///< random histories of one or two keys
    int first = 0;           ///< the number of the first trace: with `traces` = 1, repeats one
    int max_failures = 3;    ///< after this number of failed traces the others are not run
    /// Store objects that use the same keys in turn, as processes would. More than one needs a `make_store` whose
    /// stores share their state. Then objects are also destroyed in the middle of a trace, and their open entries must
    /// expire.
    int processes = 1;
    /// The store's own `entry_ttl`; zero = its entries never expire.
    duration entry_ttl = duration::zero();
    /// When the first trace begins. The default is as large as a wall clock's time, so that a store that rounds is
    /// found.
    instant start{std::chrono::seconds{1'760'000'000}};
    /// Prefix of every host, so that several runs can use one database.
    std::string prefix = "conformance";
};

/// Tests a store against its concept. The result has one text for each failed trace, with all its operations; it is
/// empty if the store conforms. Random verbs with random policies run on the store and on a plain list of every stamp,
/// and all answers are compared: assessments to the nanosecond, window usage, gate, factor, entries, and the tuner's
/// state.
///
/// `make_store()` returns a store whose time is the instants that it gets (`injected_time` if a store has its own
/// clock). A store that reads only the newest `plan.kept.exact` units is exact here.
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
