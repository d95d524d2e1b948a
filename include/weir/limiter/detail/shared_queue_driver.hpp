// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/denial_cache.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace weir::detail {

/// Serves the queue of a key whose decisions are calls. Only the head is tried. The lock is released during the call,
/// so the head may be cancelled then, and a change may let it try again.
///
/// **Thread safety.** All members need the key's lock, and keep it.
class shared_queue_driver {
public:
    /// How long the head waits after a denial by the ceiling that processes share.
    static constexpr duration retry_ceiling = std::chrono::milliseconds{20};

    explicit shared_queue_driver(key_core& key) noexcept : key_(key) {}

    // ---- entering and leaving

    /// The best case of a request that comes after the queue, where `f` is its assessment without the queue: never
    /// before the head.
    [[nodiscard]] assessment assess_behind(assessment f) const noexcept {
        if (!key_.queue_empty())
            f = key_core::behind(key_.queue().expected(key_.queue().front()), f);
        if (f.admits())
            f.cause = cause::window;  // others are in front, or a call is active
        return f;
    }

    /// Puts `w`, which is assessed with `f`, in the queue. Returns false if it cannot be served by its deadline.
    template <class Step>
    [[nodiscard]] bool enqueue(Step& s, waiter& w, const assessment& f) {
        if (key_.refuses_to_queue(w, f, s.now))
            return false;
        const bool is_first = key_.queue_empty();
        key_.queue().push(w, f);
        key_.denial.clear();
        // A head that lacked an in-flight slot tries once more at once, because with that it enters the line.
        if (is_first)
            key_.queue().set_front_due(f.cause == cause::inflight ? s.now : next_try(f, s.now));
        return true;
    }

    /// Takes a queued waiter out as cancelled. `known` is what is known of the store.
    template <class Step>
    void cancel(Step& s, waiter& w, const assessment& known) noexcept {
        const bool was_front = key_.queue().is_front(w);
        if (tried_ == &w)
            tried_ = nullptr;
        key_.complete_cancelled(s, w);
        if (was_front)
            reschedule_front(s, known);
    }

    // ---- trying the head

    /// A call for the head begins.
    void begin_try(const waiter& w) noexcept {
        tried_ = &w;
        was_rescheduled_ = false;
    }
    /// The call for `w`, which asked for `cost` units, has ended with `f`, and with the entry `got` if it is admitted.
    /// Returns false if the waiter was cancelled meanwhile: then it may be gone.
    template <class Step>
    [[nodiscard]] bool end_try(Step& s, waiter& w, std::int64_t cost, const assessment& f, const entry& got) noexcept {
        if (std::exchange(tried_, nullptr) != &w) {
            if (!f.admits())
                key_.leave_line(s.ceiling);  // another waiter, or none, is in front now
            return false;
        }
        const bool is_too_late = w.deadline <= s.now || (key_core::is_timed(f) && f.at > w.deadline);
        if (f.admits()) {
            w.admitted = got;
            key_.complete(s, w, f);
            reschedule_front(s, {s.now, cause::none, 0});
        } else if (key_core::is_final(f) || is_too_late) {
            key_.complete(s, w, f);
            // The next one may be cheaper.
            const bool is_cheaper = !key_.queue_empty() && key_.queue().front().cost < cost;
            reschedule_front(s, is_cheaper ? assessment{s.now, cause::none, 0} : f);
        } else {
            // A change during the call may have made room too late for it.
            key_.queue().set_front_due(was_rescheduled_ ? s.now : next_try(f, s.now));
            key_.queue().set_front_expected(f);
            if (f.cause != cause::inflight)
                key_.leave_line(s.ceiling);
            if (key_core::is_timed(f))
                refuse_before(s, f);
        }
        return true;
    }

    // ---- changes

    /// Sets the time of the head. The key leaves the line for a slot, and enters it again when the head tries.
    template <class Step>
    void reschedule_front(Step& s, const assessment& f) noexcept {
        key_.leave_line(s.ceiling);
        was_rescheduled_ = true;
        if (key_.queue_empty())
            return;
        key_.queue().set_front_due(next_try(f, s.now));
        key_.queue().notify_front();
    }

    /// The gate has moved: nothing is admitted before `f`.
    template <class Step>
    void hold(Step& s, const assessment& f) noexcept {
        if (key_.queue_empty())
            return;
        wait_queue& q = key_.queue();
        q.set_front_due(std::max(q.front_due(), next_try(f, s.now)));
        // The head is refused by its own last try, unless no request may wait for this gate.
        key_.assess_all(
            s, [&](const waiter&, const wait_queue::ahead&) { return f; },
            [](const waiter& w, const assessment& g) { return g.beyond_max_hold || g.at > w.deadline; });
        if (f.beyond_max_hold) {
            key_.complete(s, q.front(), f);
            key_.leave_line(s.ceiling);
        }
    }

    /// Refuses the waiters behind the head whose deadline has come.
    template <class Step>
    void refuse_late(Step& s, const assessment& known) noexcept {
        for (waiter* w = nullptr; (w = key_.queue().next_late(s.now)) != nullptr && !key_.queue().is_front(*w);)
            key_.complete(s, *w, assess_behind(known));
    }

private:
    /// Refuses the waiters whose deadline comes before the head's time: they cannot go before it.
    template <class Step>
    void refuse_before(Step& s, const assessment& f) noexcept {
        while (key_.queue().first_deadline() < f.at) {
            waiter* w = key_.queue().next_late(key_.queue().first_deadline());
            if (w == nullptr || key_.queue().is_front(*w))
                return;
            key_.complete(s, *w, f);
        }
    }
    /// When the head tries again after `f`. One that lacks an in-flight slot is notified when one comes free.
    [[nodiscard]] instant next_try(const assessment& f, instant now) const noexcept {
        if (f.cause == cause::inflight || key_.is_paused)
            return far_future;
        return f.cause == cause::concurrency ? saturating_add(now, retry_ceiling)
                                             : std::max(denial_cache::next_call(f, now), now);
    }

    key_core& key_;
    const waiter* tried_ = nullptr;  // the waiter for which a call is active; null once it is cancelled
    bool was_rescheduled_ = false;   // whether the head was given a new time during that call
};

}  // namespace weir::detail
