// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <atomic>
#include <cstdint>

namespace weir::detail {

/// A denial that only time can end. Other threads read it without the key's lock, so a full window costs them one clock
/// read.
///
/// It is a sequence lock with one writer at a time (the holder of the key's lock) and any number of readers. A reader
/// never waits. If a write is in progress, it learns nothing.
class published_denial {
public:
    /// A reader sees it before `until`, which is the `retry_at` of a denial by a limit. **Preconditions.** The key's
    /// lock is held. Every change to the key clears the denial.
    void publish(const decision& d, instant until) noexcept {
        const std::uint32_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);
        // Release pairs with the acquire fence in read(): a reader that sees a new member also sees the odd version.
        std::atomic_thread_fence(std::memory_order_release);
        until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        why_.store(d.cause, std::memory_order_relaxed);
        limit_.store(d.limit ? d.limit->limit : 0, std::memory_order_relaxed);
        period_.store((d.limit ? d.limit->period : d.retry_at - until).count(), std::memory_order_relaxed);
        // Release pairs with the first load in read().
        version_.store(version + 2, std::memory_order_release);
        is_set_.store(true, std::memory_order_relaxed);
    }

    /// **Preconditions.** The key's lock is held.
    void clear() noexcept {
        if (!is_set_.load(std::memory_order_relaxed)) [[likely]]
            return;
        is_set_.store(false, std::memory_order_relaxed);
        publish_nothing();
    }

    /// Whether reading may be worth a clock read.
    [[nodiscard]] bool is_set() const noexcept { return is_set_.load(std::memory_order_relaxed); }

    /// The denial, if it holds at `now`.
    [[nodiscard]] bool read(instant now, decision& out) const noexcept {
        const std::uint32_t before = version_.load(std::memory_order_acquire);
        const instant until{duration{until_.load(std::memory_order_relaxed)}};
        const cause why = why_.load(std::memory_order_relaxed);
        const rate limit{limit_.load(std::memory_order_relaxed), duration{period_.load(std::memory_order_relaxed)}};
        std::atomic_thread_fence(std::memory_order_acquire);
        if (now >= until || (before & 1) != 0 || version_.load(std::memory_order_relaxed) != before)
            return false;
        out.outcome = outcome::denied;
        out.cause = why;
        out.retry_at = until;
        if (limit.limit > 0)
            out.limit = limit;
        else
            out.retry_at += limit.period;
        return true;
    }

private:
    [[gnu::noinline]] void publish_nothing() noexcept {
        decision none;
        none.retry_at = long_ago;
        publish(none, long_ago);
        is_set_.store(false, std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> version_{0};
    std::atomic<bool> is_set_{false};
    std::atomic<cause> why_{cause::none};
    std::atomic<std::int64_t> until_{long_ago.time_since_epoch().count()};
    std::atomic<std::int64_t> limit_{0};
    std::atomic<std::int64_t> period_{0};  // of the limit; without one, from `until` to the retry
};

}  // namespace weir::detail
