// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/spin_lock.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

namespace weir {

/// What starves: a queue whose head waits only for a place in flight. The ceiling serves them in the order they came.
class starving {
public:
    starving() = default;
    starving(const starving&) = delete;
    starving& operator=(const starving&) = delete;

    /// Held by whoever has been handed the queue to serve it and has not locked it yet: it may not be destroyed
    /// meanwhile.
    void pin() noexcept { pins_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] bool is_pinned() const noexcept { return pins_.load(std::memory_order_acquire) != 0; }
    // Release pairs with the acquire above: what was done under the pin is seen by who destroys the queue.
    void unpin() noexcept { pins_.fetch_sub(1, std::memory_order_release); }

protected:
    ~starving() = default;

private:
    friend class inflight_ceiling;
    bool listed_ = false;  // guarded by the ceiling's mutex
    std::atomic<std::uint32_t> pins_{0};
};

/// The most requests in flight over all keys of a registry.
///
/// **Thread safety.** All members. **Complexity.** One atomic step while nobody starves.
class inflight_ceiling {
public:
    explicit inflight_ceiling(std::int64_t most = 0) noexcept : most_(most) {}

    /// 0 = no ceiling. Places taken before stay taken.
    void limit(std::int64_t most) noexcept { most_.store(most); }
    [[nodiscard]] std::int64_t limit() const noexcept { return most_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

    [[nodiscard]] bool try_take() noexcept {
        std::int64_t now = taken_.load(std::memory_order_relaxed);
        do {
            const std::int64_t most = most_.load(std::memory_order_relaxed);
            if (most > 0 && now >= most)
                return false;
            if (detail::single_threaded()) {
                taken_.store(now + 1, std::memory_order_relaxed);
                return true;
            }
        } while (!taken_.compare_exchange_weak(now, now + 1));
        return true;
    }

    /// Takes a place though there may be none: for what is sent in spite of the ceiling.
    void take() noexcept {
        if (detail::single_threaded())
            taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        else
            taken_.fetch_add(1);
    }

    /// Gives a place back. When this says true somebody may be starving: serve them with `next_starving`.
    [[nodiscard]] bool give_back() noexcept {
        if (detail::single_threaded())
            taken_.store(taken_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        // Both sides are seq_cst: either the starving queue sees the free place, or this sees the starving queue.
        else
            taken_.fetch_sub(1);
        return any_starving_.load();
    }

    /// Takes a place for the head of a queue unless others have starved longer; else the queue stands in line.
    ///
    /// **Preconditions.** The queue's lock is held.
    [[nodiscard]] bool take_in_turn(starving& queue) {
        if (!any_starving_.load() && try_take())
            return true;
        const std::lock_guard guard{mutex_};
        if (!queue.listed_)
            line_.push_back(&queue);
        queue.listed_ = true;
        any_starving_.store(true);
        // Tried once it is in line: a place may have come free before, and whoever freed it saw nobody starve.
        if (line_.front() != &queue || !try_take())
            return false;
        line_.pop_front();
        queue.listed_ = false;
        any_starving_.store(!line_.empty());
        return true;
    }

    void no_longer_starving(starving& queue) noexcept {
        const std::lock_guard guard{mutex_};
        if (!queue.listed_)
            return;
        std::erase(line_, &queue);
        queue.listed_ = false;
        any_starving_.store(!line_.empty());
    }

    /// The queue that has starved longest, pinned, if there is a place for it; else null. Pumping it takes it out of
    /// the line.
    [[nodiscard]] starving* next_starving() noexcept {
        const std::lock_guard guard{mutex_};
        const std::int64_t most = most_.load();
        if (line_.empty() || (most > 0 && taken_.load() >= most))
            return nullptr;
        line_.front()->pin();
        return line_.front();
    }

private:
    std::atomic<std::int64_t> most_;
    alignas(64) std::atomic<std::int64_t> taken_{0};
    std::atomic<bool> any_starving_{false};
    std::mutex mutex_;
    std::deque<starving*> line_;
};

}  // namespace weir
