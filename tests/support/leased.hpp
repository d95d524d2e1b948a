// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"
#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/core/policy.hpp"
#include "weir/registry/registry.hpp"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace weir_test {

/// Four processes share one hot key by leases on the stores that `make()` gives: no window over, nothing is left open.
template <class Make>
void check_leases(std::string_view what, const std::string& folder, Make&& make) {
    using namespace std::chrono_literals;
    weir::policy p;
    p.rates = {{800, 100ms}, {3'000, 500ms}, {1'000'000, 1h}};
    p.max_delay = 1h;
    p.on_store_error = weir::store_failure::closed;
    p.lease = 50;
    p.abandon_grace = 0ms;  // so that nothing is open at the end
    const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
    const std::uint64_t seed = seed_for(what);
    constexpr int each = sanitized ? 500 : 2'500;
    int failed = 0;
    auto all = seen_in_processes(4, folder, failed, [&](int number, arrivals& seen) {
        weir::registry limits{make(), config};
        std::mt19937_64 random{seed + static_cast<std::uint64_t>(number)};
        for (int i = 0; i < each; ++i) {
            auto permit = limits.acquire("leased.org", "metadata");
            // Any moment between admission and response may be the one at which the server hears of it.
            seen.note(0, std::chrono::steady_clock::now().time_since_epoch().count());
            if (random() % 2 == 0)
                permit.arrived();
        }
    });
    CHECK(failed == 0);
    CHECK(all.count() == 4 * each);
    CHECK(all.windows_over(800, std::chrono::nanoseconds{100ms}.count()) == 0);
    CHECK(all.windows_over(3'000, std::chrono::nanoseconds{500ms}.count()) == 0);

    weir::registry limits{make(), config};
    const auto handle = limits.at("leased.org", "metadata");
    const auto report = limits.inspect("leased.org", "metadata");
    REQUIRE(report.has_value());
    std::cout << what << ": " << all.count() << " acquires, " << report->state.windows.at(2).used << " units counted"
              << std::endl;
    CHECK(report->state.open == 0);
    CHECK(report->state.windows.at(2).used == 4 * each);
}

}  // namespace weir_test
