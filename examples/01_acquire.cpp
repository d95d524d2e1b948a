// SPDX-License-Identifier: MIT
//
// A configuration in code, a burst of requests on a clock that stands still, and what the library answers.

#include "weir/testing/manual_clock.hpp"
#include "weir/weir.hpp"

#include <fmt/format.h>

#include <chrono>

int main() {
    using namespace std::chrono_literals;

    weir::policy polite;
    polite.rates = {{3, 1s}, {5, 1min}};
    polite.max_delay = 0s;
    const auto config = weir::configuration::builder{}.host("api.example.org", "metadata", polite).build().value();

    weir::testing::manual_clock clock;
    weir::registry limits{weir::memory_store{clock}, config};
    const auto burst = [&] {
        for (int i = 0; i < 4; ++i) {
            auto got = limits.try_acquire("api.example.org", "metadata");
            if (got) {
                got.permit().arrived();  // the response headers are in
                fmt::print("granted\n");
            } else {
                const auto wait = got.decision().retry_at - clock.now();
                fmt::print("denied by {}, retry in {} ms\n", weir::to_string(*got.decision().limit), wait / 1ms);
            }
        }
    };
    burst();
    clock.advance(1s);
    fmt::print("a second later\n");
    burst();
}
