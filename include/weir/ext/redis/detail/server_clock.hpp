// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

/// An upper bound of the server's clock. With it an answer is stamped with the time of its arrival, even if the server
/// gets it later.
///
/// A reply contains the server's time t, and its call began here at a. So the server was not ahead of this machine by
/// more than t - a. The bound is late by at most the duration of that call, plus the possible drift of the clocks since
/// then. It is too low only if the server's clock is stepped forward in the meantime, by the size of that step; and
/// such a step makes all history that much older. The clock here does not stop while the machine sleeps.
///
/// **Thread safety.** All members may be called from any thread.
class server_clock {
public:
    /// The time of this machine, in microseconds.
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

    /// Records that the server's clock showed `t`, after the call began here at `asked`.
    void learn(double t, std::int64_t asked) noexcept {
        // The two values need not be read together: a newer offset with an older time only makes the bound later.
        ahead_.store(static_cast<std::int64_t>(t) - asked, std::memory_order_relaxed);
        learnt_.store(asked, std::memory_order_relaxed);
    }

    /// Whether a reply of the last second says what the server's clock shows. Then `at_max` is late by at most a
    /// thousandth of that and the duration of a call.
    [[nodiscard]] bool is_fresh() const noexcept {
        return here() - learnt_.load(std::memory_order_relaxed) < 1'000'000;
    }
    /// Takes over what is known of another server's clock.
    void start_from(const server_clock& other) noexcept {
        ahead_.store(other.ahead_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        learnt_.store(other.learnt_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    /// Whether any reply has arrived yet.
    [[nodiscard]] bool is_known() const noexcept { return learnt_.load(std::memory_order_relaxed) != 0; }

    /// The server's time according to the last reply, in its microseconds.
    [[nodiscard]] std::int64_t now() const noexcept { return here() + ahead_.load(std::memory_order_relaxed); }

    /// Not earlier than the server's present time, in its microseconds.
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
