// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <atomic>
#include <cstdint>

namespace weir::detail {

/// A denial that only time can end, for others to read without the key's lock: a full window costs them one clock read.
///
/// A sequence lock: one writer at a time (the key's lock), any number of readers, who never wait and at worst learn
/// nothing.
class published_denial {
public:
    /// **Preconditions.** The key's lock is held; any change to the key clears it.
    void publish(const decision& d) noexcept {
        const std::uint32_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);
        // Release pairs with the acquire fence in read(): who sees a new member also sees the odd version.
        std::atomic_thread_fence(std::memory_order_release);
        until_.store(d.retry_at.time_since_epoch().count(), std::memory_order_relaxed);
        why_.store(d.cause, std::memory_order_relaxed);
        limit_.store(d.limit ? d.limit->limit : 0, std::memory_order_relaxed);
        period_.store(d.limit ? d.limit->period.count() : 0, std::memory_order_relaxed);
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
        return true;
    }

private:
    [[gnu::noinline]] void publish_nothing() noexcept {
        decision none;
        none.retry_at = long_ago;
        publish(none);
        is_set_.store(false, std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> version_{0};
    std::atomic<bool> is_set_{false};
    std::atomic<cause> why_{cause::none};
    std::atomic<std::int64_t> until_{long_ago.time_since_epoch().count()};
    std::atomic<std::int64_t> limit_{0};
    std::atomic<std::int64_t> period_{0};
};

}  // namespace weir::detail
