// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace weir::sqlite::detail {

/// One thread at a time, for `std::unique_lock`; a wait has an end on the steady clock.
///
/// As `std::timed_mutex`, whose wait on that clock ThreadSanitizer of GCC 12 does not see.
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
