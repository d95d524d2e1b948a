// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

/// What the server's clock shows at most: lets an answer be stamped when it came, whenever the server hears of it.
///
/// A reply that carries the server's time t, to a call begun here at a, proves that the server was not ahead of this
/// machine by more than t - a. So the bound is late by no more than that call took; what the clocks may drift apart
/// since is added. Only a server whose clock is stepped forward meanwhile is underrated, by that step, which forgives
/// as much of all history. The clock here is one that does not stop while the machine sleeps.
///
/// **Thread safety.** All members may be called from any thread.
class server_clock {
public:
    /// Now, here, in microseconds.
    [[nodiscard]] static std::int64_t here() noexcept {
#ifdef CLOCK_BOOTTIME
        constexpr clockid_t clock = CLOCK_BOOTTIME;
#else
        constexpr clockid_t clock = CLOCK_MONOTONIC;
#endif
        timespec now{};
        ::clock_gettime(clock, &now);
        return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    }

    /// The server's clock showed `t` after `asked` here.
    void learn(double t, std::int64_t asked) noexcept {
        // The pair need not be read together: a newer offset with an older moment only adds to the bound.
        ahead_.store(static_cast<std::int64_t>(t) - asked, std::memory_order_relaxed);
        learnt_.store(asked, std::memory_order_relaxed);
    }

    /// Whether any reply has come yet.
    [[nodiscard]] bool is_known() const noexcept { return learnt_.load(std::memory_order_relaxed) != 0; }

    /// What the server's clock shows now, in its microseconds, as far as the last reply tells.
    [[nodiscard]] std::int64_t now() const noexcept { return here() + ahead_.load(std::memory_order_relaxed); }

    /// Not earlier than what the server's clock shows now, in its microseconds.
    [[nodiscard]] double at_max() const noexcept {
        const std::int64_t now = here();
        const std::int64_t drift = (now - learnt_.load(std::memory_order_relaxed)) / 1000;
        return static_cast<double>(now + ahead_.load(std::memory_order_relaxed) + drift + 1);
    }

private:
    std::atomic<std::int64_t> ahead_ = 0;
    std::atomic<std::int64_t> learnt_ = 0;
};

}  // namespace weir::redis::detail
