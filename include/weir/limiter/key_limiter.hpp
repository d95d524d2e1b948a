// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

namespace weir {

/// One key: its state in the store, and the waiters in front of it.
///
/// **Thread safety.** Every member but construction needs `lock()` to be held, which makes each a single step. Waiters
/// that a call settles are put on the caller's `settled_list`, to be told after `unlock()`.
template <class Store>
class key_limiter : public key_queue {
public:
    key_limiter(std::shared_ptr<const governed> rules, typename Store::slot slot)
        : key_queue(std::move(rules)), slot_(std::move(slot)) {}

    // ---- the main verb

    /// Decides on `cost` units at once (0 = not counted), behind those who already wait.
    [[nodiscard, gnu::always_inline]] forecast decide(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                      instant now, entry& out, settled_list& settled) {
        if (!quiet() && must_queue(store, ceiling, cost, now, settled)) [[unlikely]]
            return behind_all(store, cost, now);
        const forecast f = store.admit(slot_, rules_->plan, cost, now, any_place{ceiling}, out);
        if (f.why != cause::none) {
            if (!f.passed)
                publish(f, cost, now);
            else if (cost > 0)
                ceiling.take();
        }
        return f;
    }

    /// Decides on units that nobody answers for: they count from now and hold no place.
    [[nodiscard, gnu::always_inline]] forecast count(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                     instant now, settled_list& settled) {
        if (!quiet() && must_queue(store, ceiling, cost, now, settled)) [[unlikely]]
            return behind_all(store, cost, now);
        const forecast f = store.count(slot_, rules_->plan, cost, now);
        if (!f.admits())
            publish(f, cost, now);
        return f;
    }

    /// Decides at once, or puts `w` in the queue and says true: then it is told. False: `w.verdict` is the answer.
    ///
    /// **Complexity.** O(windows), and O(waiters) where a change has made their forecasts stale.
    [[nodiscard]] bool submit(Store& store, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        w.arrived = now;
        const forecast f = decide(store, ceiling, w.cost, now, w.admitted, settled);
        w.verdict = explain(f);
        if (w.verdict.granted() || w.verdict.state == outcome::never || w.deadline <= now || f.held)
            return false;
        if (queue_ == nullptr)
            queue_ = std::make_unique<line>();
        w.expected_ = behind_all(store, w.cost, now);
        // Nothing else stood in the way, or it would have been admitted.
        if (w.expected_.admits())
            w.expected_.why = cause::inflight;
        if (w.expected_.at > w.deadline || w.expected_.held) {
            w.verdict = explain(w.expected_);
            return false;
        }
        stand_in_line(w);
        // The first in line learns its time here, and is put in line for a place in flight where that is what it lacks.
        if (queue_->waiting.size() == 1 || w.cost == 0)
            pump(store, ceiling, now, settled);
        return true;
    }

    /// Takes `w` out of the queue as cancelled; says whether it still stood there.
    bool cancel(Store& store, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        if (!w.queued_)
            return false;
        std::erase(queue_->waiting, &w);
        leave(w, now, {outcome::cancelled, cause::none, now, {}, {}}, settled);
        queue_->stale = true;
        pump(store, ceiling, now, settled);
        return true;
    }

    /// Grants the head whatever has become possible, and refuses those whose deadline has come.
    [[gnu::noinline]] void pump(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled) {
        if (queue_ == nullptr)
            return;
        auto& waiting = queue_->waiting;
        const instant gate_opens = queue_->uncounted > 0 ? grant_uncounted(store, now, settled) : far_future;
        forecast head{now, cause::none, 0};
        while (!waiting.empty()) {
            waiter& w = *waiting.front();
            head = store.admit(slot_, rules_->plan, w.cost, now, place_in_turn{ceiling, *this}, w.admitted);
            if (head.admits()) {
                if (head.passed)
                    ceiling.take();
                waiting.pop_front();
                leave(w, now, explain(head), settled);
            } else if (!queue_->is_late(now)) {
                break;
            } else if (w.deadline <= now) {
                waiting.pop_front();
                queue_->stale = true;
                leave(w, now, explain(head), settled);  // who comes next may be cheaper
            } else {
                replan(store, now, settled);
            }
        }
        note_bound(head);
        if (waiting.empty()) {
            ceiling.no_longer_starving(*this);
            queue_->head_at = far_future;
            return;
        }
        if (head.why != cause::inflight)
            ceiling.no_longer_starving(*this);
        // Only an answer or a release makes room in a ceiling: they pump, so the head needs no time of its own.
        const bool timed = head.why == cause::window || head.why == cause::gate;
        // The uncounted pass the head as soon as the gate opens: whoever is in front wakes for them too.
        queue_->head_at = std::min(timed ? head.at : far_future, gate_opens);
        tell_head();
    }

    /// `pump` under the name that a thread which may block calls it by.
    void serve(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled, const waiter*) {
        pump(store, ceiling, now, settled);
    }

    /// Foresees every waiter anew and refuses those whose best case, or the time itself, is past their deadline, and
    /// all when the gate is farther away than anybody is to wait for it.
    ///
    /// **Preconditions.** The queue has just been pumped; it is pumped again, for a refusal may bring a cheaper waiter
    /// to the head.
    ///
    /// **Complexity.** O(waiters x windows).
    void replan(Store& store, instant now, settled_list& settled) {
        if (queue_ == nullptr)
            return;
        auto& waiting = queue_->waiting;
        std::size_t kept = 0;
        queue_->stale = false;
        queue_->first_deadline = far_future;
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            waiter& w = *waiting[i];
            w.expected_ = behind(store, w.cost, now, {*queue_, kept});
            const bool is_new_head = kept == 0 && i > 0 && w.expected_.admits();
            if (w.expected_.admits())
                w.expected_.why = cause::inflight;  // as in submit()
            if (w.expected_.why == cause::never || w.expected_.held || w.expected_.at > w.deadline ||
                (w.deadline <= now && !is_new_head)) {
                leave(w, now, explain(w.expected_), settled);
                continue;
            }
            w.ends_ = queue_->units(kept) + w.cost;
            queue_->first_deadline = std::min(queue_->first_deadline, w.deadline);
            waiting[kept++] = &w;
        }
        waiting.resize(kept);
    }

    // ---- changes

    /// Settles an entry. The caller gives the in-flight place back to the ceiling when `e` held one and `how` ends it.
    void settle(Store& store, inflight_ceiling& ceiling, entry& e, settlement how, instant now, settled_list& settled) {
        // While it was open every forecast took it for answered at once: also where it goes unused, time has passed.
        const bool worse = e.state == entry_state::open;
        store.settle(slot_, rules_->plan, e, how, now);
        changed(store, ceiling, now, worse, settled);
    }

    /// Whether settling `e` this way needs to know the time.
    [[nodiscard]] bool needs_time(const entry& e, settlement how) const noexcept {
        return !quiet() || (e.state == entry_state::open && how != settlement::refunded);
    }

    bool hold(Store& store, inflight_ceiling& ceiling, instant until, instant now, settled_list& settled) {
        if (!store.hold(slot_, until))
            return false;
        changed(store, ceiling, now, true, settled);
        return true;
    }

    /// Puts new rules in force: the past counts under them at once.
    void govern(Store& store, inflight_ceiling& ceiling, std::shared_ptr<const governed> rules, instant now,
                settled_list& settled) {
        rules_ = std::move(rules);
        changed(store, ceiling, now, true, settled);
    }

    /// Sets the tuner's factor; `govern` puts it in force.
    void tune(Store& store, multiplier m) { store.tune(slot_, m); }

    /// Moves what the tuner keeps.
    tuner_state learn(Store& store, tuner_step step) { return store.learn(slot_, step); }

    void erase(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled) {
        store.erase(slot_);
        changed(store, ceiling, now, false, settled);
    }

    // ---- queries

    [[nodiscard]] reading read(const Store& store, instant now) const { return store.read(slot_, rules_->plan, now); }
    [[nodiscard]] multiplier factor(const Store& store) const { return store.factor(slot_); }
    /// When the thread behind `w` has to look again: the uncounted pass as soon as the gate opens.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept {
        return is_head(w) || w.cost == 0 ? std::min({head_at(), w.deadline, retune()}) : w.deadline;
    }
    /// Whether a permit, a handle or a caller refers to this key, or its past still decides something.
    [[nodiscard]] bool in_use(const Store& store, instant now) const {
        return pins != 0 || waiting() > 0 || !store.idle(slot_, rules_->plan, now);
    }
    /// Whether it may be forgotten.
    [[nodiscard]] bool idle(const Store& store, instant now) const { return !is_pinned() && !in_use(store, now); }

private:
    /// A place in flight for who is decided on at once.
    struct any_place {
        inflight_ceiling& ceiling;
        [[nodiscard]] bool take() const noexcept { return ceiling.try_take(); }
    };
    /// A place in flight for the head of the queue.
    struct place_in_turn {
        inflight_ceiling& ceiling;
        key_limiter& queue;
        [[nodiscard]] bool take() const { return ceiling.take_in_turn(queue); }
    };

    /// Whether `cost` units have to stand behind others even after all that is possible has been granted.
    [[nodiscard, gnu::noinline]] bool must_queue(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                 instant now, settled_list& settled) {
        if (cost == 0)
            return false;
        pump(store, ceiling, now, settled);
        if (queue_->stale && !queue_->waiting.empty()) {
            replan(store, now, settled);
            pump(store, ceiling, now, settled);
        }
        return !queue_->waiting.empty();
    }

    [[nodiscard]] forecast behind_all(Store& store, std::int64_t cost, instant now) const {
        return queue_ == nullptr ? store.foresee(slot_, rules_->plan, cost, now, nobody_ahead{})
                                 : behind(store, cost, now, {*queue_, queue_->waiting.size()});
    }

    /// The forecast for one who comes after `ahead`; first come, first served, so never before the one in front.
    [[nodiscard]] forecast behind(Store& store, std::int64_t cost, instant now, those_ahead ahead) const {
        forecast f = store.foresee(slot_, rules_->plan, cost, now, ahead);
        if (ahead.count == 0 || cost == 0 || f.why == cause::never)
            return f;
        const forecast& before = ahead.queue.waiting[ahead.count - 1]->expected_;
        if (before.at > f.at || f.admits())
            f = {std::max(before.at, f.at), f.held ? cause::gate : before.why, before.window, f.held};
        return f;
    }

    [[gnu::always_inline]] void changed(Store& store, inflight_ceiling& ceiling, instant now, bool worse,
                                        settled_list& settled) {
        denial.clear();
        if (!quiet()) [[unlikely]]
            pump_anew(store, ceiling, now, worse, settled);
    }

    [[gnu::noinline]] void pump_anew(Store& store, inflight_ceiling& ceiling, instant now, bool worse,
                                     settled_list& settled) {
        queue_->stale = true;
        pump(store, ceiling, now, settled);
        if (worse && !queue_->waiting.empty()) {
            replan(store, now, settled);
            pump(store, ceiling, now, settled);
        }
    }

    /// Grants those who wait for the gate alone, or says when it opens.
    instant grant_uncounted(Store& store, instant now, settled_list& settled) {
        instant opens = far_future;
        std::erase_if(queue_->waiting, [&](waiter* w) {
            if (w->cost != 0)
                return false;
            const forecast f = store.admit(slot_, rules_->plan, 0, now, detail::free_place{}, w->admitted);
            if (!f.admits())
                return opens = f.at, false;
            leave(*w, now, explain(f), settled);
            return true;
        });
        return opens;
    }

    typename Store::slot slot_;
};

}  // namespace weir
