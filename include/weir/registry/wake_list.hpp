// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <utility>

namespace weir {

/// When a key with tickets has to be pumped. A base of the registry's nodes.
struct woken {
    std::atomic<instant> listed_at{far_future};
};

/// The keys that only `poll()` wakes, by the time they are due.
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
        if (due_.empty() || due_.begin()->first > now)
            return nullptr;
        Node& n = static_cast<Node&>(*due_.begin()->second);
        due_.erase(due_.begin());
        n.pin();
        n.listed_at.store(far_future, std::memory_order_release);
        return &n;
    }

    [[nodiscard]] instant earliest() {
        const std::lock_guard guard{mutex_};
        return due_.empty() ? far_future : due_.begin()->first;
    }

private:
    [[gnu::noinline]] void relist(woken& n, instant at) {
        const std::lock_guard guard{mutex_};
        const instant before = n.listed_at.load(std::memory_order_relaxed);
        if (before != far_future)
            due_.erase({before, &n});
        if (at != far_future)
            due_.emplace(at, &n);
        n.listed_at.store(at, std::memory_order_release);
    }

    std::mutex mutex_;
    std::set<std::pair<instant, woken*>> due_;
};

}  // namespace weir
