// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/spin_lock.hpp"

#include "weir/storage/store_error.hpp"

#include <atomic>
#include <exception>
#include <string>
#include <utility>

namespace weir::detail {

/// Lets one thread at a time call the store for a key. The key's lock is released during the call.
///
/// **Preconditions.** The caller has a reference to the key, which keeps it alive while it is unlocked. **Thread
/// safety.** Every member needs the key's lock; `unlocked` releases it for the call.
class single_flight {
public:
    explicit single_flight(spin_lock& lock) noexcept : lock_(lock) {}

    [[nodiscard]] bool is_calling() const noexcept { return calling_.load(std::memory_order_relaxed); }

    /// Takes the right to make the call. False: a call of another thread has just ended, so the state may have changed.
    [[nodiscard]] bool take() noexcept {
        if (!is_calling()) {
            calling_.store(true, std::memory_order_relaxed);
            return true;
        }
        lock_.unlock();
        calling_.wait(true, std::memory_order_acquire);
        lock_.lock();
        return false;
    }
    void wait_and_take() noexcept {
        while (!take()) {
        }
    }
    // Release pairs with the acquire in take(): the next caller sees what this call did.
    void end() noexcept {
        calling_.store(false, std::memory_order_release);
        calling_.notify_all();
    }

    /// Runs `call` with the lock released. Returns whether it succeeded. The text of an exception is kept for
    /// `take_error`.
    template <class F>
    bool unlocked(F&& call) noexcept {
        lock_.unlock();
        std::string error;
        bool has_failed = false;
        bool is_busy = false;
        try {
            call();
        } catch (const std::exception& e) {
            has_failed = true;
            is_busy = dynamic_cast<const store_busy*>(&e) != nullptr;
            try {
                error = e.what();
            } catch (...) {  // NOLINT: if there is no memory, the failure has no text
            }
        }
        lock_.lock();
        was_busy_ = is_busy;
        if (has_failed)
            error_ = error.empty() ? std::string{"?"} : std::move(error);
        return !has_failed;
    }

    /// The text of the last failed call; the next call of this returns an empty text.
    [[nodiscard]] std::string take_error() noexcept { return std::exchange(error_, {}); }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    /// Whether the last call failed because every connection of this process was in use.
    [[nodiscard]] bool was_busy() const noexcept { return was_busy_; }
    void set_error(std::string text) noexcept { error_ = std::move(text); }

private:
    spin_lock& lock_;
    std::atomic<bool> calling_{false};
    std::string error_;
    bool was_busy_ = false;
};

}  // namespace weir::detail
