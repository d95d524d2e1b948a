// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define WEIR_KNOWS_SINGLE_THREADED 1
#else
#define WEIR_KNOWS_SINGLE_THREADED 0
#endif

namespace weir::detail {

/// Whether the process has never started a second thread. Then an atomic step needs no locked instruction, which costs
/// a third of a clock read.
[[nodiscard, gnu::always_inline]] inline bool single_threaded() noexcept {
#if WEIR_KNOWS_SINGLE_THREADED
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// A lock for sections of about ten nanoseconds. It spins with growing pauses, then yields, then sleeps in short steps.
///
/// A futex mutex sleeps although the wait is far shorter than the sleep: on a hot key it was measured five times
/// slower.
class spin_lock {
public:
    [[gnu::always_inline]] void lock() noexcept { static_cast<void>(lock_or_wait()); }
    /// Locks; says whether it waited for another thread.
    [[nodiscard, gnu::always_inline]] bool lock_or_wait() noexcept {
        if (single_threaded()) {
            locked_.store(true, std::memory_order_relaxed);
            return false;
        }
        // Acquire pairs with the release in unlock().
        if (!locked_.exchange(true, std::memory_order_acquire)) [[likely]]
            return false;
        lock_slowly();
        return true;
    }
    [[nodiscard]] bool try_lock() noexcept {
        return !locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire);
    }
    void unlock() noexcept { locked_.store(false, std::memory_order_release); }

private:
    [[gnu::noinline, gnu::cold]] void lock_slowly() noexcept {
        // The pauses double. So on a hot key each thread makes many decisions in its turn, and two threads make more
        // decisions than one. Eager retries would only move the cache line back and forth.
        constexpr int longest = 1024;
        int pauses = 1;
        for (int tries = 0;; ++tries) {
            for (int i = 0; i < pauses; ++i)
                relax();
            if (try_lock())
                return;
            if (pauses < longest)
                pauses *= 2;
            else if (tries < 64)
                std::this_thread::yield();
            else
                std::this_thread::sleep_for(std::chrono::microseconds{50});  // the holder was descheduled
        }
    }

    std::atomic<bool> locked_{false};
};

}  // namespace weir::detail
