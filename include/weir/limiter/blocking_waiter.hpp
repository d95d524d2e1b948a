// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/waiter.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace weir {

/// A waiter for which a thread sleeps.
class blocking_waiter final : public waiter_owner {
public:
    waiter wait{*this};

    void completed() noexcept override {
        // Notified under the mutex, because the sleeper may destroy this object as soon as it has seen `done_`.
        const std::lock_guard guard{mutex_};
        done_ = true;
        wake_.notify_one();
    }

    void wake_earlier() noexcept override {
        const std::lock_guard guard{mutex_};
        is_earlier_ = true;
        wake_.notify_one();
    }

    [[nodiscard]] bool is_polled() const noexcept override { return false; }

    /// Sleeps until the waiter is completed, until it has to look earlier, or until `span` has passed. Returns whether
    /// it is completed.
    [[nodiscard]] bool sleep(duration span) {
        std::unique_lock guard{mutex_};
        const auto woken = [this] { return done_ || is_earlier_; };
        // One day at a time, because the sum must not overflow the steady clock.
        wake_.wait_until(guard, std::chrono::steady_clock::now() + std::min<duration>(span, std::chrono::hours{24}),
                         woken);
        is_earlier_ = false;
        return done_;
    }

    /// Sleeps until the waiter is completed. Call it only after the queue has released this waiter: then another thread
    /// is about to complete it.
    void sleep_until_completed() {
        std::unique_lock guard{mutex_};
        wake_.wait(guard, [this] { return done_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    bool is_earlier_ = false;
};

}  // namespace weir
