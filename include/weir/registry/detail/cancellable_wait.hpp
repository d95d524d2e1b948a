// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/limiter/blocking_waiter.hpp"

#include <algorithm>
#include <chrono>
#include <stop_token>

namespace weir::detail {

/// Waits for a span, and gives the store its signs of life. False if a stop was requested before the end, or if the
/// registry is closed.
template <class Engine>
[[nodiscard]] bool cancellable_wait(Engine& engine, duration span, const std::stop_token& stop) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + std::min<duration>(span, std::chrono::hours{24 * 365});
    blocking_waiter sleeper;
    const std::stop_callback on_stop{stop, [&] { sleeper.completed(); }};
    for (auto now = steady_clock::now(); now < end && !engine.is_closed(); now = steady_clock::now()) {
        // A second at most, because `close` does not end this sleep.
        const duration left = std::min<duration>(end - now, std::chrono::seconds{1});
        if (sleeper.sleep(engine.sleep_at_most(left)))
            break;
        engine.renew();
        engine.tend(true);
    }
    return !stop.stop_requested() && !engine.is_closed();
}

}  // namespace weir::detail
