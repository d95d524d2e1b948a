// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/limiter/waiting_room.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace weir {

/// The keys that `poll()` has to serve, ordered by the time when they are due. Among keys due at one instant, the key
/// that was listed first comes first, so that a replay does not depend on memory addresses.
///
/// A listed key counts as referenced. **Thread safety.** All members. **Exception safety.** Only `make_room` throws.
/// **Complexity.** O(log keys with waiters).
class wake_list {
public:
    /// Makes room for the key of one more ticket, so that listing it cannot fail.
    void make_room() {
        const std::lock_guard guard{mutex_};
        if (heap_.capacity() < heap_.size() + rooms_ + 1)
            heap_.reserve(2 * (heap_.size() + rooms_ + 1));
        ++rooms_;
    }
    void give_room_back() noexcept {
        const std::lock_guard guard{mutex_};
        --rooms_;
    }

    /// The result of a change of a key's time.
    struct result {
        int references = 0;       ///< 1: the key was added to the list; -1: it was removed
        bool is_earlier = false;  ///< `poll()` must be called earlier than it last returned
    };

    /// Sets when a key is due; `far_future` removes it. **Preconditions.** The key is locked.
    [[nodiscard]] result set(wake_entry& e, instant at) noexcept {
        const std::lock_guard guard{mutex_};
        result out;
        const bool was_listed = e.is_listed;
        if (was_listed)
            remove(e);
        e.at = at;
        if (at != far_future)
            insert(e);
        out.references = static_cast<int>(e.is_listed) - static_cast<int>(was_listed);
        if (at < announced_) {
            announced_ = at;
            out.is_earlier = true;
        }
        return out;
    }

    /// Removes the first key that is due by `now`; the caller gets its reference. Null if there is none.
    [[nodiscard]] wake_entry* next_due(instant now) noexcept {
        const std::lock_guard guard{mutex_};
        if (heap_.empty() || heap_.front()->at > now)
            return nullptr;
        wake_entry& e = *heap_.front();
        remove(e);
        return &e;
    }

    /// When the first key is due.
    [[nodiscard]] instant earliest() const noexcept {
        const std::lock_guard guard{mutex_};
        return heap_.empty() ? far_future : heap_.front()->at;
    }
    /// The same, and records that the caller of `poll()` knows it from now on.
    [[nodiscard]] instant announce() noexcept {
        const std::lock_guard guard{mutex_};
        return announced_ = heap_.empty() ? far_future : heap_.front()->at;
    }

private:
    static bool is_before(const wake_entry& a, const wake_entry& b) noexcept {
        return a.at != b.at ? a.at < b.at : a.turn < b.turn;
    }
    void insert(wake_entry& e) noexcept {
        if (e.turn == 0)
            e.turn = ++turns_;
        try {
            heap_.push_back(&e);
        } catch (const std::bad_alloc&) {
            return;  // a key without tickets, listed for a lease: the lease then ends with the next request
        }
        e.is_listed = true;
        e.position = heap_.size() - 1;
        rise(e.position);
    }
    void remove(wake_entry& e) noexcept {
        const std::size_t at = e.position;
        wake_entry* last = heap_.back();
        heap_.pop_back();
        e.is_listed = false;
        if (last == &e)
            return;
        place(at, last);
        rise(at);
        sink(last->position);
    }
    void place(std::size_t at, wake_entry* e) noexcept {
        heap_[at] = e;
        e->position = at;
    }
    void rise(std::size_t at) noexcept {
        for (std::size_t above = 0; at > 0; at = above) {
            above = (at - 1) / 2;
            if (!is_before(*heap_[at], *heap_[above]))
                return;
            swap_places(at, above);
        }
    }
    void sink(std::size_t at) noexcept {
        for (std::size_t below = 0; (below = 2 * at + 1) < heap_.size(); at = below) {
            if (below + 1 < heap_.size() && is_before(*heap_[below + 1], *heap_[below]))
                ++below;
            if (!is_before(*heap_[below], *heap_[at]))
                return;
            swap_places(at, below);
        }
    }
    void swap_places(std::size_t a, std::size_t b) noexcept {
        wake_entry* first = heap_[a];
        place(a, heap_[b]);
        place(b, first);
    }

    mutable std::mutex mutex_;
    std::vector<wake_entry*> heap_;
    std::size_t rooms_ = 0;  // tickets that wait, or whose answer was not taken yet
    std::uint64_t turns_ = 0;
    instant announced_ = far_future;  // what poll() last returned, or an earlier time that was announced since
};

}  // namespace weir
