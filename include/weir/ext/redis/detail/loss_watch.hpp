// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

namespace weir::redis::detail {

/// Detects that the server lost its data. The server contains a random text, the epoch. Other processes and new
/// connections find the same epoch as long as nothing was lost.
///
/// **Thread safety.** All members may be called from any thread.
class loss_watch {
public:
    /// A new epoch for a server that has none.
    [[nodiscard]] std::string fresh_epoch() {
        const std::lock_guard guard{mutex_};
        return fmt::format("{:016x}{:016x}", random_(), random_());
    }
    /// Compares the epoch that the server has now.
    void compare(std::string_view epoch) {
        const std::lock_guard guard{mutex_};
        if (epoch_ == epoch)
            return;
        if (!epoch_.empty()) {
            losses_.fetch_add(1, std::memory_order_relaxed);
            lost_at_.store(steady_clock{}.now(), std::memory_order_release);
        }
        epoch_ = epoch;
    }

    /// When a loss was last seen; `long_ago` if there was none.
    [[nodiscard]] instant lost_at() const noexcept { return lost_at_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t losses() const noexcept { return losses_.load(std::memory_order_relaxed); }

private:
    std::mutex mutex_;
    std::mt19937_64 random_{std::random_device{}()};
    std::string epoch_;
    std::atomic<instant> lost_at_ = long_ago;
    std::atomic<std::uint64_t> losses_ = 0;
};

}  // namespace weir::redis::detail
