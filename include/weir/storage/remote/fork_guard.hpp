// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace weir::remote {

/// A number that changes in a child of `fork()`. Unlike the process's id it costs no system call.
[[nodiscard]] inline std::int64_t process_mark() noexcept {
    static std::atomic<std::int64_t> forks = 0;
    static const bool counts_forks =
        ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); }) == 0;
    return counts_forks ? forks.load(std::memory_order_relaxed) : ::getpid();
}

/// Remembers which process made a store. A child of `fork()` must not use its parent's connections.
///
/// **Thread safety.** Immutable.
class fork_guard {
public:
    [[nodiscard]] bool is_own() const noexcept { return process_mark() == mark_; }
    /// **Errors.** `store_error` in a child: `kind` cannot do `what` there.
    void require(std::string_view kind, std::string_view what) const {
        if (!is_own())
            throw store_error{fmt::format("{}: cannot {} in a child of the process that made the store; make the "
                                          "registry after fork()",
                                          kind, what)};
    }

private:
    std::int64_t mark_ = process_mark();
};

}  // namespace weir::remote
