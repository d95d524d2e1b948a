// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace weir::sqlite::detail {

/// A lock with a time limit on the steady clock, for `std::unique_lock`.
///
/// Like `std::timed_mutex`, but ThreadSanitizer of GCC 12 does not see that one's wait on the steady clock.
class turn {
public:
    [[nodiscard]] bool try_lock_until(std::chrono::steady_clock::time_point until) {
        std::unique_lock guard{mutex_};
        return given_back_.wait_until(guard, until, [this] { return !taken_; }) && (taken_ = true);
    }
    void unlock() {
        {
            const std::lock_guard guard{mutex_};
            taken_ = false;
        }
        given_back_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable given_back_;
    bool taken_ = false;
};

}  // namespace weir::sqlite::detail
