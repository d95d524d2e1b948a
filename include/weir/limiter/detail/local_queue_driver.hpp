// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/inflight_slot.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <new>

namespace weir::detail {

/// Serves the queue of a key whose log is in this process, in one step. The log is at hand, so each waiter's assessment
/// is exact.
///
/// **Thread safety.** The key's lock. **Lifetime.** One step.
template <class Store>
class local_queue_driver {
public:
    local_queue_driver(key_step<Store>& s, key_core& key, typename Store::slot& slot) noexcept
        : step_(s), key_(key), slot_(slot) {}

    /// The best case of a request that comes after the waiters `ahead`: never before the last of them.
    [[nodiscard]] assessment assess_behind(std::int64_t cost, const wait_queue::ahead& ahead) const {
        const assessment f = step_.store.assess_behind(slot_, key_.plan(), cost, step_.now, ahead);
        const assessment* last = ahead.last();
        return last == nullptr || cost == 0 || f.cause == cause::never ? f : key_core::behind(*last, f);
    }

    /// Grants the head while that is possible, and refuses the waiters whose deadline has come. `is_worse`: something
    /// happened that makes assessments later. Then it also refuses the waiters that cannot be served by their deadline
    /// any more.
    ///
    /// **Complexity.** One assessment for each waiter that is granted, and one. O(waiters) if the queue is assessed
    /// anew.
    void serve(bool is_worse) noexcept {
        wait_queue& q = key_.queue();
        const auto is_too_late = [&](const waiter& w, const assessment& f) {
            return key_core::is_final(f) || w.deadline <= step_.now || (is_worse && f.at > w.deadline);
        };
        const instant gate_opens = q.uncounted() > 0 && !key_.is_paused ? grant_uncounted() : far_future;
        assessment f{step_.now, cause::none, 0};
        key_.lacks_slot = false;
        while (!q.empty()) {
            waiter& w = q.front();
            f = try_front(w);
            key_.lacks_slot = f.cause == cause::inflight && !f.passed;
            if (f.admits()) {
                if (f.passed && w.cost > 0)
                    step_.ceiling.take();
            } else if (!is_too_late(w, f)) {
                q.set_front_expected(f);
                break;
            } else {
                q.mark_stale();  // the next one may be cheaper
            }
            key_.complete(step_, w, f);
        }
        key_.note_bound(f);
        if (q.empty())
            key_.lacks_slot = false;
        if (!key_.lacks_slot)
            key_.leave_line(step_.ceiling);
        if (q.empty())
            return;
        // A free slot or an answer serves the queue, so the head needs no time for them. Waiters for the gate alone
        // pass the head, so it wakes for them too.
        q.set_front_due(std::min(key_.due_of(f), gate_opens));
        if (q.wants_assessment() && (is_worse || q.first_deadline() <= step_.now))
            assess_all(is_too_late);
        refuse_late();
        q.notify_front();
    }

private:
    /// Tries to admit the head. Without memory that is a denial: the waiter stays, and is tried again.
    [[nodiscard]] assessment try_front(waiter& w) noexcept {
        if (key_.is_paused)
            return key_core::paused(step_.now);
        if (key_.waits_for_probe(step_.now)) [[unlikely]]
            return key_.probing(step_.now);
        try {
            const assessment f = step_.store.admit(slot_, key_.plan(), w.cost, step_.now,
                                                   inflight_slot_in_turn{step_.ceiling, key_}, w.admitted);
            key_.note_probe(f, step_.now);
            return f;
        } catch (const std::bad_alloc&) {
            return {saturating_add(step_.now, std::chrono::milliseconds{1}), cause::store, 0};
        }
    }
    /// Grants the waiters for the gate alone, or returns when it opens.
    [[nodiscard]] instant grant_uncounted() noexcept {
        instant opens = far_future;
        key_.queue().for_each_uncounted([&](waiter& w) {
            const bool waits = key_.waits_for_probe(step_.now);
            const assessment f = waits
                                     ? key_.probing(step_.now)
                                     : step_.store.admit(slot_, key_.plan(), 0, step_.now, free_inflight{}, w.admitted);
            if (!f.admits()) {
                opens = key_.due_of(f);
                return false;
            }
            key_.note_probe(f, step_.now);
            key_.complete(step_, w, f);
            return true;
        });
        return opens;
    }

    template <class IsTooLate>
    void assess_all(const IsTooLate& is_too_late) noexcept {
        key_.assess_all(
            step_,
            [&](const waiter& w, const wait_queue::ahead& ahead) {
                assessment f = assess_behind(w.cost, ahead);
                if (f.admits())
                    f.cause = cause::inflight;  // nothing else stands in its way
                return f;
            },
            [&](const waiter& w, const assessment& f) { return is_too_late(w, f) || f.at > w.deadline; });
    }
    /// Refuses the waiters whose deadline has come, with their last assessment.
    void refuse_late() noexcept {
        while (waiter* w = key_.queue().next_late(step_.now)) {
            assessment f = key_.queue().expected(*w);
            f.at = std::max(f.at, step_.now);
            key_.complete(step_, *w, f);
            key_.mark_stale();
        }
    }

    key_step<Store>& step_;
    key_core& key_;
    typename Store::slot& slot_;
};

}  // namespace weir::detail
