// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_queue.hpp"

#include <atomic>
#include <exception>
#include <string>
#include <utility>

namespace weir::detail {

/// A key whose store is called with the lock let go, one call at a time.
class call_turn : public key_queue {
public:
    using key_queue::key_queue;

    /// What a failing store said, once.
    [[nodiscard]] std::string take_trouble() noexcept { return std::exchange(trouble_, {}); }

protected:
    ~call_turn() = default;

    [[nodiscard]] bool is_calling() const noexcept { return calling_.load(std::memory_order_relaxed); }

    /// Takes the right to make the one call. False: somebody else's has just ended, and things may have changed.
    [[nodiscard]] bool take_turn() {
        if (!is_calling()) {
            calling_.store(true, std::memory_order_relaxed);
            return true;
        }
        pin();  // between the end of that call and our lock nothing else may keep the key
        unlock();
        calling_.wait(true, std::memory_order_acquire);
        lock();
        unpin();
        return false;
    }

    void end_turn() noexcept {
        calling_.store(false, std::memory_order_release);
        calling_.notify_all();
    }

    template <class F>
    void unlocked(F&& step) {
        std::string trouble;
        unlock();
        try {
            step();
        } catch (const std::exception& e) {
            trouble = e.what();
        }
        lock();
        if (!trouble.empty())
            trouble_ = std::move(trouble);
    }

    std::string trouble_;

private:
    std::atomic<bool> calling_{false};
};

}  // namespace weir::detail
