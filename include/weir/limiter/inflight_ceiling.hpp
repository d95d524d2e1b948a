// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/spin_lock.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace weir {

/// A key whose first waiter lacks only an in-flight slot. The ceiling serves these keys in the order of their arrival.
///
/// **Lifetime.** It counts as a reference to its key from its listing until it is withdrawn or its turn ends.
class ceiling_waiter {
public:
    explicit ceiling_waiter(void* key_owner = nullptr) noexcept : owner(key_owner) {}
    ceiling_waiter(const ceiling_waiter&) = delete;
    ceiling_waiter& operator=(const ceiling_waiter&) = delete;

    void* owner;  ///< the object that the key belongs to; the ceiling does not use it

private:
    friend class inflight_ceiling;
    // The ceiling's mutex guards all members below.
    ceiling_waiter* before_ = nullptr;
    ceiling_waiter* behind_ = nullptr;
    bool is_listed_ = false;
};

/// The maximum of requests in flight over all keys of a registry.
///
/// **Thread safety.** All members. **Exception safety.** Nothing throws. **Complexity.** One atomic step while no key
/// waits.
class inflight_ceiling {
public:
    explicit inflight_ceiling(std::int64_t max = 0) noexcept : max_(max) {}

    /// 0 = no ceiling. Slots that are already taken stay taken.
    void limit(std::int64_t max) noexcept { max_.store(max); }
    [[nodiscard]] std::int64_t limit() const noexcept { return max_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

    /// Whether there is no free slot. Another thread may change that at once.
    [[nodiscard]] bool is_full() const noexcept {
        const std::int64_t max = limit();
        return max > 0 && taken() >= max;
    }

    [[nodiscard]] bool try_take() noexcept { return try_take_from(taken_.load(std::memory_order_relaxed)); }

    /// Takes a slot even if none is free: for a request that is sent in spite of the ceiling.
    void take() noexcept {
        if (detail::single_threaded())
            taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        else
            taken_.fetch_add(1);
    }

    /// Gives a slot back. If this returns true, a key may wait for it: serve it with `next_turn`.
    [[nodiscard]] bool give_back() noexcept {
        if (detail::single_threaded())
            taken_.store(taken_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        else
            taken_.fetch_sub(1);
        // This load and the store in take_in_turn() are seq_cst, and so are the steps on `taken_` around them. So at
        // least one side sees the other: the waiting key sees the free slot, or this call sees the key.
        return is_watched_.load();
    }

    /// The result of `take_in_turn`.
    struct turn {
        bool is_taken;
        int references;  ///< 1: the key has entered the line; -1: it has left it; 0: no change
    };

    /// Takes a slot for the first waiter of a key, unless other keys have waited longer. If there is no slot, the key
    /// enters the line.
    ///
    /// **Preconditions.** The key's lock is held.
    [[nodiscard]] turn take_in_turn(ceiling_waiter& key) noexcept {
        if (!is_watched_.load() && try_take())
            return {true, 0};
        const std::lock_guard guard{mutex_};
        const bool has_turn = serving_ == &key;
        const bool was_listed = key.is_listed_;
        if (!was_listed && !has_turn)
            append(key);
        is_watched_.store(true);
        // Try only after the key is in the line: a slot may have come free before that, when `give_back` saw no waiting
        // key. The load is seq_cst, so it cannot move before the store above (on ARM a relaxed load could).
        const bool is_first = has_turn || (serving_ == nullptr && first_ == &key);
        if (!is_first || !try_take_from(taken_.load()))
            return {false, was_listed || has_turn ? 0 : 1};
        if (key.is_listed_)
            remove(key);
        watch();
        return {true, was_listed ? -1 : 0};
    }

    /// Removes a key from the line. Returns whether it was in the line. **Preconditions.** The key's lock is held.
    bool withdraw(ceiling_waiter& key) noexcept {
        const std::lock_guard guard{mutex_};
        if (!key.is_listed_)
            return false;
        remove(key);
        watch();
        return true;
    }

    /// If a slot is free, removes the key that has waited longest from the line for its turn, and returns it; else
    /// returns null. The caller locks the key, serves it, and calls `end_turn`. Only one key at a time has the turn.
    [[nodiscard]] ceiling_waiter* next_turn() noexcept {
        const std::lock_guard guard{mutex_};
        if (taken_.load() == 0 && drains_ > 0)
            drained_.notify_all();
        const std::int64_t max = max_.load();
        if (serving_ != nullptr || first_ == nullptr || (max > 0 && taken_.load() >= max))
            return nullptr;
        serving_ = first_;
        remove(*serving_);
        return serving_;
    }
    /// Ends the turn. If the key still waits, it goes back to the front of the line. **Preconditions.** Its lock is
    /// held.
    void end_turn(ceiling_waiter& key, bool still_waits) noexcept {
        const std::lock_guard guard{mutex_};
        serving_ = nullptr;
        if (still_waits)
            prepend(key);
        watch();
    }

    /// Waits until no request is in flight, at most `span`. Returns whether there is none.
    [[nodiscard]] bool wait_until_empty(std::chrono::nanoseconds span) {
        std::unique_lock guard{mutex_};
        ++drains_;
        is_watched_.store(true);
        const bool is_empty = drained_.wait_for(guard, span, [this] { return taken_.load() == 0; });
        --drains_;
        watch();
        return is_empty;
    }

private:
    [[nodiscard]] bool try_take_from(std::int64_t seen) noexcept {
        do {
            const std::int64_t max = max_.load(std::memory_order_relaxed);
            if (max > 0 && seen >= max)
                return false;
            if (detail::single_threaded()) {
                taken_.store(seen + 1, std::memory_order_relaxed);
                return true;
            }
        } while (!taken_.compare_exchange_weak(seen, seen + 1));
        return true;
    }
    void watch() noexcept { is_watched_.store(first_ != nullptr || serving_ != nullptr || drains_ > 0); }
    void append(ceiling_waiter& key) noexcept {
        key.before_ = last_;
        (last_ == nullptr ? first_ : last_->behind_) = &key;
        last_ = &key;
        key.is_listed_ = true;
    }
    void prepend(ceiling_waiter& key) noexcept {
        key.behind_ = first_;
        (first_ == nullptr ? last_ : first_->before_) = &key;
        first_ = &key;
        key.is_listed_ = true;
    }
    void remove(ceiling_waiter& key) noexcept {
        (key.before_ == nullptr ? first_ : key.before_->behind_) = key.behind_;
        (key.behind_ == nullptr ? last_ : key.behind_->before_) = key.before_;
        key.before_ = key.behind_ = nullptr;
        key.is_listed_ = false;
    }

    std::atomic<std::int64_t> max_;
    alignas(64) std::atomic<std::int64_t> taken_{0};
    std::atomic<bool> is_watched_{false};  // a key waits or has its turn, or a thread waits in `wait_until_empty`
    std::mutex mutex_;
    std::condition_variable drained_;
    ceiling_waiter* first_ = nullptr;
    ceiling_waiter* last_ = nullptr;
    ceiling_waiter* serving_ = nullptr;  // the key that has its turn
    int drains_ = 0;
};

}  // namespace weir
