// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

#include <atomic>
#include <memory>

namespace weir::testing {

/// A clock that stands still until it is moved. Copies share one time.
///
/// **Thread safety.** All members may be called from any thread.
class manual_clock {
public:
    explicit manual_clock(instant start = instant{}) : at_(std::make_shared<std::atomic<instant>>(start)) {}

    // Relaxed: the time carries no other data. The code that moves the clock orders everything else.
    [[nodiscard]] instant now() const noexcept { return at_->load(std::memory_order_relaxed); }
    void set(instant at) noexcept { at_->store(at, std::memory_order_relaxed); }
    void advance(duration by) noexcept { set(now() + by); }

private:
    std::shared_ptr<std::atomic<instant>> at_;
};

static_assert(clock_source<manual_clock>);

}  // namespace weir::testing
