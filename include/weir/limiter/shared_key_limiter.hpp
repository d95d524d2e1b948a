// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/flight_place.hpp"
#include "weir/limiter/detail/last_word.hpp"
#include "weir/limiter/detail/lease_book.hpp"
#include "weir/limiter/detail/lone_key.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/detail/place_ahead.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace weir {

/// One key whose log is in a shared store: the same queue as `key_limiter`, but every step on the log may block for a
/// round trip.
///
/// At most one call is under way for a key and a process; whoever makes it does not hold the lock meanwhile. Calls are
/// made by who decides at once, by the thread behind the head of the queue, and by `poll()` for a ticket at the head; a
/// release or an answer makes none, it only tells the head that its time has come.
///
/// **Thread safety.** As `key_limiter`; the members that call the store let the lock go during the call.
/// **Errors.** While the store fails the policy's `on_store_error` decides: a denial with `cause::store`, or what a log
/// in this process allows, or nothing. What the store said is `take_trouble()`, once for each of these decisions.
template <class Store>
class shared_key_limiter : public detail::last_word {
public:
    shared_key_limiter(std::shared_ptr<const governed> rules, typename Store::slot slot)
        : last_word(std::move(rules)), slot_(std::move(slot)) {
        leases_.govern(rules_);
    }

    // ---- the main verb

    /// Decides at once, behind those who already wait. Lets the lock go.
    [[nodiscard]] forecast decide(Store& store, inflight_ceiling& ceiling, std::int64_t cost, instant now, entry& out,
                                  settled_list&) {
        if (quiet() && leases_.has(cost, now))
            return draw(cost, now, {*this, ceiling, freed_}, out);
        return at_once(cost, now, [&] { return admit_in_turn(store, cost, now, {*this, ceiling, freed_}, out); });
    }

    /// The same for units that nobody answers for. Lets the lock go.
    [[nodiscard]] forecast count(Store& store, inflight_ceiling&, std::int64_t cost, instant now, settled_list&) {
        return at_once(cost, now, [&] {
            return in_turn(
                store, cost, now, [&](const window_plan& plan) { return store.count(slot_, plan, cost, now); },
                [&](detail::lone_key& k, instant at) { return k.count(cost, at); });
        });
    }

    /// Decides at once, or puts `w` in the queue and says true: then it is told. False: `w.verdict` is the answer. Lets
    /// the lock go.
    [[nodiscard]] bool submit(Store& store, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        w.arrived = now;
        forecast f{now, cause::none, 0};
        if (w.deadline <= now || (quiet() && (!is_calling() || leases_.has(w.cost, now)))) {
            f = decide(store, ceiling, w.cost, now, w.admitted, settled);
            w.verdict = explain(f);
            if (w.verdict.granted() || w.verdict.state == outcome::never || f.held || w.deadline <= store.after(now))
                return false;
        }
        if (queue_ == nullptr)
            queue_ = std::make_unique<line>();
        w.expected_ = behind(f, queue_->waiting.size(), now);
        if (w.expected_.at > w.deadline || held(w.expected_, now).held) {
            w.verdict = explain(w.expected_);
            return false;
        }
        stand_in_line(w);
        // Who lacked a place in flight tries once more at once: as the head it then stands in line for one.
        if (queue_->waiting.size() == 1)
            queue_->head_at = w.expected_.why == cause::inflight ? now : next_try(w.expected_, now);
        return true;
    }

    /// Takes `w` out of the queue as cancelled; says whether it still stood there. A call under way for it is undone
    /// when it returns.
    bool cancel(Store&, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        if (!w.queued_)
            return false;
        const bool was_head = queue_->waiting.front() == &w;
        std::erase(queue_->waiting, &w);
        if (serving_ == &w)
            serving_ = nullptr;
        leave(w, now, {outcome::cancelled, cause::none, now, {}, {}}, settled);
        if (was_head)
            next_head(ceiling, known(now), now);
        return true;
    }

    /// Refuses those whose deadline has come. Makes no call: the head is told that it may try.
    void pump(Store&, inflight_ceiling& ceiling, instant now, settled_list& settled) {
        if (!quiet())
            refuse_late(now, settled);
        // Also if nobody waits: a call for one who is gone may have put the key in line for a place.
        next_head(ceiling, forecast{now, cause::none, 0}, now);
    }

    /// The same on a thread that may block: behind `self`, or for whoever relies on `poll()` where `self` is null. Lets
    /// the lock go.
    void serve(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled, const waiter* self) {
        give_back_leases(store, now);
        while (!quiet()) {
            refuse_late(now, settled);
            waiter& w = *queue_->waiting.front();
            const bool is_late = w.deadline <= now;
            if (self != nullptr ? self != &w : !w.polled() && !is_late)
                break;
            if (queue_->head_at > now && !is_late)
                break;
            if (!take_turn()) {
                now = store.after(now);
                continue;
            }
            now = serve_head(store, ceiling, w, now, settled);
            if (self != nullptr && self == &w && !is_queued(w))
                break;
        }
        if (!quiet())
            tell_head();
    }

    // ---- changes

    /// Settles an entry. The caller gives the in-flight place back. Lets the lock go.
    void settle(Store& store, inflight_ceiling& ceiling, entry& e, settlement how, instant now, settled_list&) {
        const bool makes_room = how == settlement::refunded ||
                                (how == settlement::released && rules_->plan.max_concurrent > 0 && e.in_flight);
        settle_where_it_is(store, e, how, now);
        if (makes_room)
            improved(ceiling, now);
    }
    [[nodiscard]] static constexpr bool needs_time(const entry&, settlement) noexcept { return true; }

    /// Moves the gate. Lets the lock go.
    bool hold(Store& store, inflight_ceiling&, instant until, instant now, settled_list& settled) {
        bool moved = false;
        // A store that cannot be told does not let this process go on.
        if (!call(store, [&](const window_plan&) { moved = store.hold(slot_, until); })) {
            moved = alone().hold(until);
            untold_ = std::max(untold_, until);
        }
        end_leases(store, now);
        if (moved) {
            remember({until, cause::gate, 0}, 1, now);
            if (!quiet()) {
                queue_->head_at = std::max(queue_->head_at, until);
                replan(settled, now);
            }
        }
        return moved;
    }

    /// Puts new rules in force: the past counts under them at once.
    void govern(Store&, inflight_ceiling& ceiling, std::shared_ptr<const governed> rules, instant now, settled_list&) {
        rules_ = std::move(rules);
        leases_.govern(rules_);
        improved(ceiling, now);
    }

    /// Sets the tuner's factor. Lets the lock go.
    void tune(Store& store, multiplier m) {
        call(store, [&](const window_plan&) { store.tune(slot_, m); });
    }

    /// Moves what the tuner keeps; nothing if the store failed. Lets the lock go.
    std::optional<tuner_state> learn(Store& store, tuner_step step) {
        std::optional<tuner_state> out;
        call(store, [&](const window_plan&) { out = store.learn(slot_, step); });
        return out;
    }

    /// Forgets the key's history. Lets the lock go.
    void erase(Store& store, inflight_ceiling& ceiling, instant now, settled_list&) {
        end_leases(store, now);
        call(store, [&](const window_plan&) { store.erase(slot_); });
        improved(ceiling, now);
    }

    /// Gives back what was taken in advance; says whether there was any. Lets the lock go.
    bool end_leases(Store& store, instant now) {
        leases_.close();
        return give_back_leases(store, now);
    }

    // ---- queries

    /// The key's state in the store. Lets the lock go.
    [[nodiscard]] reading read(Store& store, instant now) {
        reading out;
        call(store, [&](const window_plan& plan) { out = store.read(slot_, plan, now); });
        return out;
    }
    [[nodiscard]] multiplier factor(const Store&) const { return factor_; }
    /// Whether a permit, a handle or a caller refers to this key here, or what the slot holds is still needed.
    [[nodiscard]] bool in_use(const Store& store, instant now) const {
        return pins != 0 || waiting() > 0 || is_calling() || !store.idle(slot_, rules_->plan, now) ||
               !leases_.empty() || (alone_ != nullptr && !alone_->idle(now));
    }
    /// Whether it may be forgotten here.
    [[nodiscard]] bool idle(const Store& store, instant now) const { return !is_pinned() && !in_use(store, now); }
    /// Whether a place in flight that was taken for a request came free unused, once: somebody may starve for it.
    [[nodiscard]] bool take_freed() noexcept { return freed_.exchange(false, std::memory_order_relaxed); }
    /// Whether anybody in the queue, or the end of a lease, relies on `poll()`.
    [[nodiscard]] bool is_polled() const noexcept { return key_queue::is_polled() || leases_.next_end() < far_future; }
    /// When `poll()` is needed at the latest: a thread behind the head needs nobody.
    [[nodiscard]] instant next_wake() const noexcept {
        const instant at = leases_.next_end();
        if (!key_queue::is_polled())
            return at;
        return std::min(
            {at, queue_->waiting.front()->polled() ? key_queue::next_wake() : queue_->first_deadline, retune()});
    }
    /// When the thread behind `w` has to look again.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept {
        return is_head(w) ? std::min({queue_->head_at, w.deadline, retune()}) : w.deadline;
    }

private:
    // ---- calls

    /// Makes a call in the turn that was taken, and ends the turn; says whether the store did it.
    template <class F>
    bool call_in_turn(Store& store, F&& step) {
        assert(is_calling());
        const auto rules = rules_;
        bool done = false;
        unlocked([&, untold = untold_] {
            if (untold > store.now())
                static_cast<void>(store.hold(slot_, untold));
            step(rules->plan);
            done = true;
        });
        if (done)
            untold_ = long_ago;
        end_turn();
        // Another process may have tuned the key: its windows are then scaled from the next call on.
        if (const multiplier m = store.factor(slot_); m != factor_) {
            factor_ = m;
            rules_ = governed::make(rules_->policy, m, rules_->told);
            leases_.govern(rules_);
        }
        return done;
    }
    template <class F>
    bool call(Store& store, F&& step) {
        while (!take_turn()) {
        }
        return call_in_turn(store, std::forward<F>(step));
    }

    template <class F>
    [[nodiscard]] forecast at_once(std::int64_t cost, instant now, F&& decide_in_turn) {
        do {
            if (cost > 0 && !quiet())
                return behind(known(now), queue_->waiting.size(), now);
        } while (!take_turn());
        return held(decide_in_turn(), now);
    }

    // ---- without the store

    [[nodiscard]] bool is_alone() const noexcept { return alone_ != nullptr && alone_->decides(); }
    [[nodiscard]] detail::lone_key& alone() {
        if (alone_ == nullptr)
            alone_ = std::make_unique<detail::lone_key>();
        alone_->govern(rules_, factor_);
        return *alone_;
    }

    /// Decides in the turn that was taken: by the store, or without it as the policy says.
    template <class Ours, class Alone>
    [[nodiscard]] forecast in_turn(Store& store, std::int64_t cost, instant now, Ours&& step, Alone&& step_alone) {
        forecast f{later(now, retry_failed), cause::store, 0};
        const store_failure otherwise = rules_->policy.on_store_error;
        if (is_alone() && alone_->until() > now) {
            end_turn();
            trouble_ = alone_->trouble();
        } else if (call_in_turn(store, [&](const window_plan& plan) { f = step(plan); })) {
            if (alone_ != nullptr)
                alone_->end();
            remember(f, cost, now);
            if (f.why == cause::gate)
                leases_.close();  // it is as new to them
            return f;
        } else if (otherwise != store_failure::closed) {
            now = store.after(now);
            alone().begin(later(now, retry_failed), trouble_);
        }
        // What the store said before it failed still holds.
        if (known_.at > now && (known_.why == cause::gate || otherwise != store_failure::open))
            return known_;
        if (otherwise == store_failure::closed)
            return f;
        f = step_alone(alone(), now);
        // Once the store is back it may allow what is too much for this process.
        if (!f.admits() && f.why != cause::inflight && f.why != cause::gate)
            f = {alone_->until(), cause::store, 0};
        return f;
    }

    /// The same for units that are to be answered for, which may come with others in advance.
    [[nodiscard]] forecast admit_in_turn(Store& store, std::int64_t cost, instant now, detail::flight_place p,
                                         entry& out) {
        if (leases_.has(cost, now)) {
            end_turn();
            return draw(cost, now, p, out);
        }
        give_back_leases(store, now);
        const std::int64_t wanted = leases_.wanted(cost, now);
        entry lease;
        const forecast f = in_turn(
            store, cost, now,
            [&, lease_plan = leases_.plan()](const window_plan& plan) {
                return detail::with_place_ahead(plan, cost, now, p, [&] {
                    if (wanted > cost) {
                        const forecast all = store.admit(slot_, *lease_plan, wanted, now, lease);
                        if (all.admits())
                            return all;
                    }
                    return store.admit(slot_, plan, cost, now, out);
                });
            },
            [&](detail::lone_key& k, instant at) { return k.admit(cost, at, p, out); });
        p.force(f, cost);
        if (lease.cost > 0) {
            leases_.add(lease, now);
            leases_.draw(cost, now, out);
        } else {
            leases_.note(wanted == cost && f.admits(), now);
            out.home = f.admits() && is_alone() ? entry_home::alone : entry_home::store;
        }
        return f;
    }

    // ---- leases

    [[nodiscard]] forecast draw(std::int64_t cost, instant now, detail::flight_place p, entry& out) {
        if (!p.take())
            return {now, cause::inflight, 0};
        leases_.draw(cost, now, out);
        return {now, cause::none, 0};
    }
    /// Tells the store of the leases that are over. Lets the lock go.
    bool give_back_leases(Store& store, instant now) {
        bool gave = false;
        while (auto over = leases_.take_over(now)) {
            gave = true;
            pin();  // nothing in the book keeps the key any more
            unlocked([&, rules = rules_] { over->give_back(store, slot_, rules->plan, now); });
            unpin();
        }
        return gave;
    }

    void settle_where_it_is(Store& store, entry& e, settlement how, instant now) {
        switch (e.home) {
        case entry_home::alone:
            return alone().settle(e, how, now);
        case entry_home::lease:
            leases_.settle(e, how, now);
            give_back_leases(store, now);
            return;
        case entry_home::store:
            unlocked([&, rules = rules_] { store.settle(slot_, rules->plan, e, how, now); });
        }
    }

    /// One try for the head of the queue, in the turn that was taken; returns the time afterwards.
    [[nodiscard]] instant serve_head(Store& store, inflight_ceiling& ceiling, waiter& w, instant now,
                                     settled_list& settled) {
        serving_ = &w;
        told_meanwhile_ = false;
        const std::int64_t cost = w.cost;  // once cancelled, the waiter may be gone
        entry got;
        const forecast f = admit_in_turn(store, cost, now, {*this, ceiling, freed_, true}, got);
        now = store.after(now);
        if (std::exchange(serving_, nullptr) != &w) {
            if (f.admits())
                undo(store, ceiling, got, now);
        } else if (f.admits()) {
            w.admitted = got;
            queue_->waiting.pop_front();
            leave(w, now, explain(f), settled);
            next_head(ceiling, forecast{now, cause::none, 0}, now);
        } else if (f.why == cause::never || held(f, now).held || w.deadline <= now ||
                   (is_timed(f) && f.at > w.deadline)) {
            queue_->waiting.pop_front();
            leave(w, now, explain(f), settled);
            // Who comes next may be cheaper.
            next_head(ceiling, !quiet() && queue_->waiting.front()->cost < cost ? forecast{now, cause::none, 0} : f,
                      now);
        } else {
            // What made room while the call was under way may have come too late for it.
            queue_->head_at = told_meanwhile_ ? now : next_try(f, now);
            if (is_timed(f))
                replan(settled, now);
        }
        return now;
    }

    /// Takes back what was granted to somebody who is gone.
    void undo(Store& store, inflight_ceiling& ceiling, entry& got, instant now) {
        if (got.in_flight)
            detail::flight_place{*this, ceiling, freed_}.give_back();
        settle_where_it_is(store, got, settlement::refunded, now);
        improved(ceiling, now);
    }

    // ---- the queue

    void improved(inflight_ceiling& ceiling, instant now) {
        denial.clear();
        known_ = {};
        if (!quiet())
            next_head(ceiling, forecast{now, cause::none, 0}, now);
    }

    /// Gives the head its time, and its place in the line of those who starve back: it takes it again when it tries.
    void next_head(inflight_ceiling& ceiling, const forecast& f, instant now) {
        ceiling.no_longer_starving(*this);
        told_meanwhile_ = true;
        if (queue_ != nullptr)
            queue_->head_at = quiet() ? far_future : next_try(f, now);
        if (!quiet())
            tell_head();
    }

    /// Refuses all but the head whose deadline has come: the head tries once more.
    void refuse_late(instant now, settled_list& settled) {
        if (!queue_->is_late(now))
            return;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < queue_->waiting.size(); ++i) {
            waiter& w = *queue_->waiting[i];
            if (i > 0 && w.deadline <= now)
                leave(w, now, explain(behind(known(now), kept, now)), settled);
            else
                queue_->waiting[kept++] = &w;
        }
        queue_->waiting.resize(kept);
    }

    /// Refuses those who cannot be served by their deadline, for nobody goes before the head.
    void replan(settled_list& settled, instant now) {
        std::size_t kept = 0;
        for (waiter* w : queue_->waiting) {
            w->expected_ = behind(known(now), kept, now);
            if ((w->expected_.at > w->deadline && kept > 0) || held(w->expected_, now).held)
                leave(*w, now, explain(w->expected_), settled);
            else
                queue_->waiting[kept++] = w;
        }
        queue_->waiting.resize(kept);
    }

    typename Store::slot slot_;
    instant untold_ = long_ago;                // a gate that the store could not be told
    std::unique_ptr<detail::lone_key> alone_;  // there once the store has failed
    detail::lease_book leases_;
    multiplier factor_;
    waiter* serving_ = nullptr;    // for whom a call is under way; null once it is cancelled
    bool told_meanwhile_ = false;  // whether the head was given a new time during that call
    std::atomic<bool> freed_{false};
};

}  // namespace weir
