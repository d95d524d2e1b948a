// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir::remote {

/// The longest time that an answer waits in the process for the next verb on its key.
inline constexpr duration max_hold = std::chrono::milliseconds{5};

/// Whether the next decision about a key is expected a moment after an answer, because the last ones were. Then the
/// answer can wait for it, and costs no message of its own.
///
/// **Thread safety.** All members may be called from any thread. The values are hints, so the order does not matter.
class key_heat {
public:
    /// Between an answer and the next decision, at most.
    static constexpr duration moment = std::chrono::milliseconds{1};

    void answered(instant now) noexcept { answered_.store(now, std::memory_order_relaxed); }
    void decides(instant now) noexcept {
        const instant last = answered_.load(std::memory_order_relaxed);
        if (last == long_ago)
            return;
        answered_.store(long_ago, std::memory_order_relaxed);
        quick_.store(now - last < moment ? quick_.load(std::memory_order_relaxed) + 1 : 0, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_hot() const noexcept { return quick_.load(std::memory_order_relaxed) >= 2; }

private:
    std::atomic<instant> answered_{long_ago};  // the last answer since the last decision
    std::atomic<std::uint32_t> quick_ = 0;     // how many decisions in a row came within a moment
};

}  // namespace weir::remote
