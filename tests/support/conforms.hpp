// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/testing/conformance.hpp"

#include <chrono>
#include <string>

namespace weir_test {

/// `make(options)` gives stores that do on random traces what a plain list of every stamp does.
template <class Make>
void check_conforms(const std::string& what, int traces, weir::testing::conformance_options options, Make&& make) {
    options.seed = seed_for(what);
    options.traces = cases_or(traces);
    const auto failures = weir::testing::conform([&] { return make(options); }, options);
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

/// The same for several processes, of which some die.
template <class Make>
void check_processes_conform(const std::string& store, int traces, Make&& make) {
    for (const int processes : {2, 4}) {
        weir::testing::conformance_options options;
        options.processes = processes;
        options.entry_ttl = std::chrono::milliseconds{30};
        options.prefix = "conformance" + std::to_string(processes);
        check_conforms(store + ", " + std::to_string(processes) + " processes", traces, options, make);
    }
}

}  // namespace weir_test
