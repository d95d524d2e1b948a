// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>

namespace weir {
namespace detail {
class last_word;
}

/// A place in a key's queue. It holds no capacity while it stands there.
///
/// **Lifetime.** Its owner keeps it alive until `settled()` has been entered. **Thread safety.** The members belong to
/// the limiter until then, and to the owner afterwards.
class waiter {
public:
    waiter() = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    std::int64_t cost = 1;          ///< 0 = not counted: it waits for the gate alone
    instant arrived{};              ///< when it was submitted
    instant deadline = far_future;  ///< it is refused once nothing can admit it by then

    decision verdict;  ///< the answer, once settled
    entry admitted;    ///< its entry, when granted

    /// Called once, from whichever thread settled it, with no lock held. Must not block for long.
    virtual void settled() noexcept = 0;

    /// Called when the head of the queue may have to wake earlier than it was told. A key's lock is held: only pass the
    /// word on.
    virtual void hurry() noexcept {}

    /// Whether nobody but the owner wakes it: then the registry keeps its time and `poll()` serves it.
    [[nodiscard]] virtual bool polled() const noexcept { return true; }

protected:
    virtual ~waiter() = default;

private:
    friend class key_queue;
    friend class detail::last_word;
    template <class Store>
    friend class key_limiter;
    template <class Store>
    friend class shared_key_limiter;
    friend class settled_list;

    forecast expected_{};    // at best, seen from the last plan
    std::int64_t ends_ = 0;  // units of all waiters up to and with this one
    bool queued_ = false;
    waiter* next_settled_ = nullptr;
};

/// Waiters that were settled under a key's lock and are told after it is released.
class settled_list {
public:
    settled_list() = default;
    settled_list(const settled_list&) = delete;
    settled_list& operator=(const settled_list&) = delete;
    [[gnu::always_inline]] ~settled_list() { tell(); }

    void add(waiter& w) noexcept {
        w.next_settled_ = nullptr;
        if (first_ == nullptr)
            first_ = &w;
        else
            last_->next_settled_ = &w;
        last_ = &w;
    }

    /// Tells every waiter, in the order they were settled. **Preconditions.** No key's lock is held.
    [[gnu::always_inline]] void tell() noexcept {
        if (first_ != nullptr) [[unlikely]]
            tell_all();
    }

private:
    [[gnu::noinline]] void tell_all() noexcept {
        while (first_ != nullptr) {
            waiter& w = *first_;
            first_ = w.next_settled_;  // read first: once told, the waiter may be gone
            w.settled();
        }
    }

    waiter* first_ = nullptr;
    waiter* last_;  // means something only while first_ is not null
};

}  // namespace weir
