// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

/// A number that is another one in a child of `fork()`. Unlike the process's id it costs no system call.
[[nodiscard]] inline std::int64_t process_mark() noexcept {
    static std::atomic<std::int64_t> forks = 0;
    static const bool told =
        ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); }) == 0;
    return told ? forks.load(std::memory_order_relaxed) : ::getpid();
}

}  // namespace weir::redis::detail
