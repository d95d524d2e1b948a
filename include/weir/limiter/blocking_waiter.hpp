// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/waiter.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace weir {

/// A waiter that a thread sleeps behind.
class blocking_waiter final : public waiter_owner {
public:
    waiter wait{*this};

    void completed() noexcept override {
        // Notified under the mutex: the sleeper may destroy this as soon as it has seen `done_`.
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

    /// Sleeps until it is completed, or has to look earlier, or `span` has passed; says whether it is completed.
    [[nodiscard]] bool sleep(duration span) {
        std::unique_lock guard{mutex_};
        const auto woken = [this] { return done_ || is_earlier_; };
        // A day at a time: the sum must not pass the steady clock's range.
        wake_.wait_until(guard, std::chrono::steady_clock::now() + std::min<duration>(span, std::chrono::hours{24}),
                         woken);
        is_earlier_ = false;
        return done_;
    }

    /// Sleeps until it is completed. Call it only after the queue has released this waiter: another thread is about to
    /// complete it.
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
