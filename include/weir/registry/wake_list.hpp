// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>

namespace weir {

/// When a key with tickets has to be pumped. A base of the registry's nodes.
struct woken {
    std::atomic<instant> listed_at{far_future};
    std::uint64_t turn = 0;  // among those due at one instant; 0 = never listed
};

/// The keys that only `poll()` wakes, by the time they are due; of those due at one instant, the one that had to wait
/// first in its life, so that a replay does not depend on where keys lie in memory.
///
/// **Thread safety.** All members. **Complexity.** O(log keys that wait); one comparison for a key without tickets.
class wake_list {
public:
    /// Notes when `n` is due. **Preconditions.** `n` is locked.
    template <class Node>
    [[gnu::always_inline]] void update(Node& n) {
        const instant at = n.is_polled() ? n.next_wake() : far_future;
        // Acquire pairs with the release in next_due(): who sees a key unlisted also sees its pin.
        if (n.listed_at.load(std::memory_order_acquire) != at) [[unlikely]]
            relist(n, at);
    }

    /// Takes out the first key that is due by `now`, pinned; null when there is none.
    template <class Node>
    [[nodiscard]] Node* next_due(instant now) {
        const std::lock_guard guard{mutex_};
        if (due_.empty() || due_.begin()->at > now)
            return nullptr;
        Node& n = static_cast<Node&>(*due_.begin()->who);
        due_.erase(due_.begin());
        n.pin();
        n.listed_at.store(far_future, std::memory_order_release);
        return &n;
    }

    [[nodiscard]] instant earliest() {
        const std::lock_guard guard{mutex_};
        return due_.empty() ? far_future : due_.begin()->at;
    }

    /// The end of a poll: the caller sleeps until what it returns, and wants to know of anything earlier.
    [[nodiscard]] instant arm() {
        const std::lock_guard guard{mutex_};
        armed_ = due_.empty() ? far_future : due_.begin()->at;
        return armed_;
    }
    /// The beginning of a poll: nobody sleeps.
    void disarm() {
        const std::lock_guard guard{mutex_};
        armed_ = long_ago;
        is_earlier_.store(false, std::memory_order_relaxed);
    }
    /// Whether a wake time has moved before what the last poll returned; once for each time.
    [[nodiscard]] bool take_earlier() noexcept {
        return is_earlier_.load(std::memory_order_relaxed) && is_earlier_.exchange(false, std::memory_order_relaxed);
    }

private:
    [[gnu::noinline]] void relist(woken& n, instant at) {
        const std::lock_guard guard{mutex_};
        const instant before = n.listed_at.load(std::memory_order_relaxed);
        if (n.turn == 0)
            n.turn = ++turns_;
        if (before != far_future)
            due_.erase({before, n.turn, &n});
        if (at != far_future)
            due_.insert({at, n.turn, &n});
        n.listed_at.store(at, std::memory_order_release);
        if (at < armed_) {
            armed_ = at;
            is_earlier_.store(true, std::memory_order_relaxed);
        }
    }

    struct line {
        instant at;
        std::uint64_t turn;
        woken* who;

        friend bool operator<(const line& a, const line& b) noexcept {
            return a.at != b.at ? a.at < b.at : a.turn < b.turn;
        }
    };

    std::mutex mutex_;
    std::uint64_t turns_ = 0;
    instant armed_ = far_future;
    std::atomic<bool> is_earlier_{false};
    std::set<line> due_;
};

}  // namespace weir
