// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>

namespace weir {

/// What waits for an answer: a thread, or a ticket.
class waiter_owner {
public:
    waiter_owner() = default;
    waiter_owner(const waiter_owner&) = delete;
    waiter_owner& operator=(const waiter_owner&) = delete;

    /// Called once with the answer, on the thread that found it, with no lock held. It must not block for long.
    virtual void completed() noexcept = 0;

    /// Called when the head of the queue may have to wake earlier than planned. The key's lock is held: only pass the
    /// message on.
    virtual void wake_earlier() noexcept {}

    /// Whether `poll()` must serve the waiter, because no thread sleeps for it.
    [[nodiscard]] virtual bool is_polled() const noexcept { return true; }

protected:
    ~waiter_owner() = default;
};

/// A request that waits in a key's queue. It takes no capacity while it waits.
///
/// **Lifetime.** Its owner keeps it alive until `completed()` is called. **Thread safety.** Until then the members
/// belong to the limiter, afterwards to the owner.
class waiter {
public:
    explicit waiter(waiter_owner& owner) noexcept : owner_(&owner) {}
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    std::int64_t cost = 1;          ///< units; 0 = not counted: the request waits for the gate alone
    instant arrived{};              ///< when it was submitted
    instant deadline = far_future;  ///< the waiter is refused if it cannot be admitted by then

    decision verdict;  ///< the answer, once completed
    entry admitted;    ///< its entry, when granted

    void wake_earlier() noexcept { owner_->wake_earlier(); }
    [[nodiscard]] bool is_polled() const noexcept { return owner_->is_polled(); }

private:
    friend class wait_queue;
    friend class completions;

    enum class stage : std::uint8_t { outside, deciding, queued, cancelled, completed };

    waiter_owner* owner_;
    stage stage_ = stage::outside;
    std::uint64_t position_ = 0;  // in the queue, counted over the queue's life
    waiter* next_completed_ = nullptr;
};

/// Waiters that got their answer under a key's lock. They are called after the lock is released.
class completions {
public:
    completions() = default;
    completions(const completions&) = delete;
    completions& operator=(const completions&) = delete;

    void add(waiter& w) noexcept {
        w.next_completed_ = nullptr;
        if (first_ == nullptr)
            first_ = &w;
        else
            last_->next_completed_ = &w;
        last_ = &w;
    }
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    /// Calls every waiter in the order in which it was added. **Preconditions.** No key's lock is held.
    void call() noexcept {
        while (first_ != nullptr) {
            waiter& w = *first_;
            first_ = w.next_completed_;  // read first: the waiter may be gone after its call
            w.owner_->completed();
        }
    }

private:
    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
};

}  // namespace weir
