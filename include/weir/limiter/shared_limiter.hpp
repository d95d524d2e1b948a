// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/lease_book.hpp"
#include "weir/limiter/detail/local_fallback.hpp"
#include "weir/limiter/detail/single_flight.hpp"
#include "weir/limiter/detail/store_abilities.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace weir {

/// Limits one key whose log is in a shared store: the same queue as `local_limiter`, but a verb on the log may block
/// for a round trip.
///
/// At most one call is under way for a key and a process, with the key's lock released. Calls are made by requests that
/// are decided at once, by the thread behind the first waiter, and by `poll()` for a ticket in front. A release or an
/// answer makes no call to serve the queue: it only tells the first waiter that it may try.
///
/// **Thread safety.** As `local_limiter`; and the caller has a reference to the key. **Errors.** While the store fails
/// the policy's `on_store_error` decides: a denial with `cause::store`, or what a log in this process allows, or
/// everything. `take_store_error` gives the store's text, once for each failure.
template <class Store>
class shared_limiter {
public:
    using step = key_step<Store>;
    using change = typename step::change;

    /// How long after a call that failed, or met a ceiling of other processes, the store is called again. After one
    /// that took long to fail it is left alone for as long, within a limit, so that a store that hangs does not cost
    /// every request its timeout.
    static constexpr duration retry_failed = std::chrono::milliseconds{100};
    static constexpr duration retry_hanging = std::chrono::milliseconds{500};
    static constexpr duration retry_busy = std::chrono::milliseconds{10};
    static constexpr duration retry_ceiling = std::chrono::milliseconds{20};

    shared_limiter(key_core& key, typename Store::slot slot) : key_(key), flight_(key.lock), slot_(std::move(slot)) {
        leases_.set_rules(key_.rules);
        key_.make_room();  // a call under way may list the key, and the end of a lease may wake it
    }

    // ---- decisions

    /// Decides at once, behind those that already wait. Releases the lock.
    [[nodiscard]] assessment decide(step& s, std::int64_t cost, entry& out) {
        if (key_.is_quiet() && !key_.is_paused && leases_.has(cost, s.now)) {
            inflight_slot slot{s, key_, false};
            return draw(s, cost, slot, out);
        }
        return at_once(s, cost, [&] { return admit_in_turn(s, cost, false, out); });
    }

    /// The same for units without a permit. Releases the lock.
    [[nodiscard]] assessment count(step& s, std::int64_t cost) {
        return at_once(s, cost, [&] {
            return in_turn(
                s, cost,
                [&](const window_plan& plan) { return detail::count_units(s.store, slot_, plan, cost, s.now); },
                [&](detail::local_fallback& local, instant now) { return local.count(cost, now); });
        });
    }

    /// What is known without a call that enters anything: one call that reads. Releases the lock.
    [[nodiscard]] assessment peek(step& s, std::int64_t cost) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost > 0 && !key_.is_quiet())
            return behind_queue(known(s.now), s.now);
        if (const assessment f = known(s.now); !f.admits() || leases_.has(cost, s.now))
            return f;
        const key_snapshot seen = read(s);
        const window_plan& plan = key_.plan();
        if (seen.gate > s.now)
            return {seen.gate, cause::gate, 0};
        if (cost == 0)
            return {s.now, cause::none, 0};
        for (std::size_t i = 0; i < std::min(seen.windows.size(), plan.windows.size()); ++i)
            if (seen.windows[i].used > std::max<std::int64_t>(0, seen.windows[i].limit - cost))
                return {s.now, cause::window, static_cast<std::uint32_t>(i)};
        if (plan.max_concurrent > 0 && seen.in_flight >= plan.max_concurrent)
            return {s.now, cause::concurrency, 0};
        if (s.ceiling.limit() > 0 && s.ceiling.taken() >= s.ceiling.limit())
            return {s.now, cause::inflight, 0};
        return {s.now, cause::none, 0};
    }

    // ---- waiting

    /// Decides at once, or puts `w` in the queue and says true: then it is called later. False: `w.verdict` is the
    /// answer. Releases the lock; a cancel that comes meanwhile is obeyed.
    [[nodiscard]] bool submit(step& s, waiter& w) {
        w.arrived = s.now;
        wait_queue::begin(w);
        assessment f = known(s.now);
        const bool is_first = key_.is_quiet() && (!flight_.is_calling() || leases_.has(w.cost, s.now));
        if (key_.is_paused) {
            f = key_core::paused(s.now);
        } else if (w.deadline <= s.now || is_first) {
            f = decide(s, w.cost, w.admitted);
            if (wait_queue::was_cancelled(w)) {
                if (f.admits())
                    undo(s, w.admitted);
                w.verdict = {outcome::cancelled, cause::none, s.now, {}, {}};
                return false;
            }
            w.verdict = key_.to_decision(f);
            if (f.admits() || w.deadline <= s.store.after(s.now))
                return false;
        }
        return enqueue(s, w, f);
    }

    /// Puts `w`, which was denied with `f` or could not be decided yet, in the queue. False: it cannot be served by its
    /// deadline, and `w.verdict` is the answer.
    [[nodiscard]] bool enqueue(step& s, waiter& w, const assessment& denied) {
        const assessment f = mark_held(behind_queue(denied, s.now), s.now);
        w.verdict = key_.to_decision(f);
        if (key_core::is_final(f) || f.at > w.deadline || key_.is_full())
            return false;
        const bool is_first = key_.is_quiet();
        key_.queue().push(w, f);
        key_.denial.clear();
        // A request that lacked an in-flight slot tries once more at once: as the first of its key it enters the line.
        if (is_first)
            key_.queue().set_front_due(f.cause == cause::inflight ? s.now : next_try(f, s.now));
        return true;
    }

    /// Takes `w` out of the queue as cancelled; says whether it still waited. A call under way for it is undone when it
    /// returns.
    bool cancel(step& s, waiter& w) noexcept {
        if (!wait_queue::is_queued(w))
            return wait_queue::cancel_early(w);
        const bool was_front = key_.queue().is_front(w);
        if (serving_ == &w)
            serving_ = nullptr;
        key_.queue().complete(w, {outcome::cancelled, cause::none, s.now, {}, {}}, s.now, s.done);
        if (was_front)
            reschedule_front(s, known(s.now));
        return true;
    }

    /// Does what time and the store allow, for the thread behind `self`, or for all that rely on `poll()` where `self`
    /// is null. Releases the lock.
    void serve_due(step& s, const waiter* self = nullptr) {
        give_back_leases(s);
        wait_queue& q = key_.queue();
        while (!q.empty()) {
            refuse_late(s);
            waiter& w = q.front();
            const bool is_late = w.deadline <= s.now;
            if (self != nullptr ? self != &w : !w.is_polled() && !is_late)
                break;
            if (q.front_due() > s.now && !is_late)
                break;
            if (!flight_.take()) {
                s.now = s.store.after(s.now);
                continue;
            }
            serve_front(s, w);
            if (self != nullptr && self == &w && !wait_queue::is_queued(w))
                break;
        }
        if (!q.empty())
            q.notify_front();
    }
    /// The key has its turn for an in-flight slot: its first waiter may try.
    void serve_turn(step& s) { s.note(change::better); }

    // ---- changes

    /// Settles an entry. Releases the lock.
    void settle(step& s, entry& e, settlement how) noexcept {
        const bool makes_room = how == settlement::refunded ||
                                (how != settlement::answered && key_.plan().max_concurrent > 0 && e.in_flight);
        settle_at_home(s, e, how);
        if (makes_room)
            improved(s);
    }
    /// Lowers an entry to `cost` units. Releases the lock.
    void reduce(step& s, entry& e, std::int64_t cost) noexcept {
        if (e.home != entry_home::store)
            return;  // a lease or the local log has counted too much, which is safe
        if constexpr (reducible_store<Store>) {
            flight_.unlocked([&, rules = key_.rules] { s.store.reduce(slot_, rules->plan, e, cost, s.now); });
            improved(s);
        }
    }
    /// Counts units that a request took beyond its cost, from now on. Releases the lock.
    void charge(step& s, std::int64_t cost) {
        auto plan = std::make_shared<window_plan>(key_.plan());
        plan->enforce = false;
        call(s,
             [&](const window_plan&) { static_cast<void>(detail::count_units(s.store, slot_, *plan, cost, s.now)); });
        key_.denial.clear();
    }
    /// Moves the gate. Releases the lock.
    bool hold(step& s, instant until) noexcept {
        bool moved = false;
        // Where the store does not learn of it, this process obeys the gate all the same.
        if (!call(s, [&](const window_plan&) { moved = s.store.hold(slot_, until); })) {
            moved = until > unsent_gate_;
            unsent_gate_ = std::max(unsent_gate_, until);
        }
        end_leases(s);
        if (!moved)
            return false;
        const assessment f = mark_held({until, cause::gate, 0}, s.now);
        remember(f, 1, s.now);
        if (wait_queue& q = key_.queue(); !q.empty()) {
            q.set_front_due(std::max(q.front_due(), until));
            // The front is refused by its own last try, unless no request is to wait for this gate.
            q.assess_all(
                s.now, s.done, [&](const waiter&, const wait_queue::ahead&) { return f; },
                [](const waiter& w, const assessment& g) { return g.beyond_max_hold || g.at > w.deadline; },
                [&](const assessment& g) { return key_.to_decision(g); });
            if (f.beyond_max_hold) {
                q.complete(q.front(), key_.to_decision(f), s.now, s.done);
                key_.leave_line(s.ceiling);
            }
        }
        return true;
    }
    /// Takes the gate away; false where the store cannot. Releases the lock.
    bool open_gate(step& s) {
        if constexpr (requires { s.store.open_gate(slot_); }) {
            unsent_gate_ = long_ago;
            const bool is_open = call(s, [&](const window_plan&) { s.store.open_gate(slot_); });
            key_.pause = {};
            improved(s);
            return is_open;
        }
        return false;
    }
    /// Puts other rules in force: the past counts under them at once.
    void set_rules(step& s, std::shared_ptr<const key_rules> rules) noexcept {
        std::swap(key_.rules, rules);
        leases_.set_rules(key_.rules);
        improved(s);
    }
    /// Sets the tuner's factor. Releases the lock.
    void tune(step& s, multiplier m) {
        call(s, [&](const window_plan&) { tuner_.tune(s.store, slot_, m); });
    }
    /// Moves what the tuner keeps; nothing if the store failed. Releases the lock.
    std::optional<tuner_state> learn(step& s, tuner_step how) {
        std::optional<tuner_state> out;
        call(s, [&](const window_plan&) { out = tuner_.learn(s.store, slot_, how); });
        return out;
    }
    /// Forgets the key's history. Releases the lock.
    void erase(step& s) {
        end_leases(s);
        call(s, [&](const window_plan&) { s.store.erase(slot_); });
        improved(s);
    }
    /// Gives back what was taken in advance; says whether there was any. Releases the lock.
    bool end_leases(step& s) noexcept {
        leases_.close();
        return give_back_leases(s);
    }

    /// Lets the front try if anything has changed for it, and refuses waiters whose deadline has come. Makes no call.
    void finish(step& s) noexcept {
        if (s.changed == change::none)
            return;
        s.changed = change::none;
        refuse_late(s);
        reschedule_front(s, {s.now, cause::none, 0});
    }

    // ---- queries

    /// The key's state in the store. Releases the lock.
    [[nodiscard]] key_snapshot read(step& s) {
        key_snapshot out;
        call(s, [&](const window_plan& plan) { out = s.store.read(slot_, plan, s.now); });
        return out;
    }
    [[nodiscard]] multiplier factor(const Store&) const noexcept { return factor_; }
    /// Whether nothing that this process keeps of the key is needed any more.
    [[nodiscard]] bool is_idle(const Store& store, instant now) const {
        return store.idle(slot_, key_.plan(), now) && leases_.empty() && unsent_gate_ <= now && tuner_.is_idle(now) &&
               (local_ == nullptr || local_->idle(now));
    }
    [[nodiscard]] static constexpr bool needs_time(const entry&, settlement) noexcept { return true; }
    /// Whether a waiter, or the end of a lease, relies on `poll()`.
    [[nodiscard]] bool is_polled() const noexcept { return key_.has_polled() || leases_.next_end() < far_future; }
    /// When `poll()` is needed at the latest. A thread behind the front needs no poll.
    [[nodiscard]] instant next_due() const noexcept {
        const instant at = leases_.next_end();
        if (!key_.has_polled())
            return at;
        return std::min(
            {at, key_.queue().front().is_polled() ? key_.next_due() : key_.queue().first_deadline(), key_.next_tune()});
    }
    /// When the thread behind `w` has to look again.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept {
        return key_.queue().is_front(w) ? std::min({key_.queue().front_due(), w.deadline, key_.next_tune()})
                                        : w.deadline;
    }
    /// What the last failing call said, once.
    [[nodiscard]] std::string take_store_error() noexcept { return flight_.take_error(); }

private:
    // ---- calls

    /// Makes a call in the turn that was taken, and ends the turn; says whether the store did it.
    template <class F>
    bool call_in_turn(step& s, F&& verb) noexcept {
        const bool is_done = flight_.unlocked([&, unsent = unsent_gate_, rules = key_.rules] {
            if (unsent > s.store.now())
                static_cast<void>(s.store.hold(slot_, unsent));
            verb(rules->plan);
        });
        if (is_done)
            unsent_gate_ = long_ago;
        flight_.end();
        // Another process may have tuned the key: its windows are then scaled from the next call on.
        if (const multiplier m = tuner_.factor(s.store, slot_); m != factor_) {
            try {
                key_.rules = key_rules::make(key_.rules->policy, m, key_.rules->reported);
                factor_ = m;
                leases_.set_rules(key_.rules);
            } catch (const std::bad_alloc&) {
                // The next call tries again.
            }
        }
        return is_done;
    }
    template <class F>
    bool call(step& s, F&& verb) noexcept {
        flight_.wait_and_take();
        return call_in_turn(s, std::forward<F>(verb));
    }

    template <class F>
    [[nodiscard]] assessment at_once(step& s, std::int64_t cost, F&& decide_in_turn) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost > key_.plan().max_cost && key_.plan().enforce)
            return never(cost);
        do {
            if (cost > 0 && !key_.is_quiet())
                return mark_held(behind_queue(known(s.now), s.now), s.now);
        } while (!flight_.take());
        return mark_held(decide_in_turn(), s.now);
    }
    [[nodiscard]] assessment never(std::int64_t cost) const noexcept {
        const auto& rates = key_.plan().shown;
        const auto at = std::ranges::find_if(rates, [cost](const rate& r) { return r.limit < cost; });
        return {far_future, cause::never, static_cast<std::uint32_t>(at - rates.begin())};
    }

    // ---- in-flight slots

    /// An in-flight slot, taken before the call and given back when the request is denied.
    class inflight_slot {
    public:
        inflight_slot(step& s, key_core& key, bool in_turn) noexcept : step_(s), key_(key), in_turn_(in_turn) {}
        inflight_slot(const inflight_slot&) = delete;
        inflight_slot& operator=(const inflight_slot&) = delete;
        ~inflight_slot() {
            if (is_taken_ && step_.ceiling.give_back())
                step_.has_freed = true;
        }
        [[nodiscard]] bool take() noexcept {
            if (!in_turn_)
                return is_taken_ = step_.ceiling.try_take();
            const auto t = step_.ceiling.take_in_turn(key_.room->in_line);
            key_.references += static_cast<std::uint32_t>(t.references);
            return is_taken_ = t.is_taken;
        }
        /// The request is in flight: the slot is its own. One that passed without a slot takes one all the same.
        void keep(std::int64_t cost) noexcept {
            if (!is_taken_ && cost > 0)
                step_.ceiling.take();
            is_taken_ = false;
        }

    private:
        step& step_;
        key_core& key_;
        bool in_turn_;
        bool is_taken_ = false;
    };

    // ---- decisions in a turn

    /// Decides in the turn that was taken: by the store, or without it as the policy says.
    template <class Ours, class Local>
    [[nodiscard]] assessment in_turn(step& s, std::int64_t cost, Ours&& verb, Local&& verb_local) {
        const store_failure otherwise = key_.rules->policy.on_store_error;
        assessment f{s.now, cause::store, 0};
        // A request that found no connection free waited for this process alone, and the store may be well: the local
        // log must not decide beside it.
        bool is_busy = false;
        if (is_local() && local_->until() > s.now) {
            flight_.end();
            flight_.set_error(local_->error());
            f.at = local_->until();
        } else if (call_in_turn(s, [&](const window_plan& plan) { f = verb(plan); })) {
            if (local_ != nullptr)
                local_->end();
            remember(f, cost, s.now);
            if (f.cause == cause::gate)
                leases_.close();  // the gate is newer than what was taken in advance
            return f;
        } else {
            const instant asked = std::exchange(s.now, s.store.after(s.now));
            is_busy = flight_.was_busy();
            f.at = saturating_add(s.now, is_busy ? retry_busy : std::clamp(s.now - asked, retry_failed, retry_hanging));
            if (!is_busy)
                local().begin(f.at, flight_.error());
        }
        if (unsent_gate_ > s.now)
            return {unsent_gate_, cause::gate, 0};
        // What the store said before it failed still holds.
        if (known_.at > s.now && (known_.cause == cause::gate || otherwise != store_failure::open))
            return known_;
        if (otherwise == store_failure::closed || is_busy)
            return f;
        f = verb_local(local(), s.now);
        // Once the store is back it may allow what is too much for this process.
        if (!f.admits() && f.cause != cause::inflight && f.cause != cause::gate)
            f = {local_->until(), cause::store, 0};
        return f;
    }

    /// The same for a request that gets a permit. Its units may come with others in advance.
    [[nodiscard]] assessment admit_in_turn(step& s, std::int64_t cost, bool is_front, entry& out) {
        inflight_slot slot{s, key_, is_front};
        if (leases_.has(cost, s.now)) {
            flight_.end();
            return draw(s, cost, slot, out);
        }
        give_back_leases(s);
        const bool lacks_slot = cost > 0 && !slot.take();
        if (lacks_slot && key_.plan().enforce) {
            flight_.end();
            return {s.now, cause::inflight, 0};
        }
        const std::int64_t wanted = reducible_store<Store> && leases_.make_room() ? leases_.wanted(cost, s.now) : cost;
        entry lease;
        assessment f = in_turn(
            s, cost,
            [&, lease_plan = leases_.plan()](const window_plan& plan) {
                if (wanted > cost) {
                    const assessment all = s.store.admit(slot_, *lease_plan, wanted, s.now, lease);
                    if (all.admits())
                        return all;
                }
                return s.store.admit(slot_, plan, cost, s.now, out);
            },
            [&](detail::local_fallback& local, instant now) { return local.admit(cost, now, out); });
        if (lacks_slot && f.cause == cause::none) {
            f.cause = cause::inflight;
            f.passed = true;
        }
        if (cost > key_.plan().max_cost && f.admits()) {
            f = never(cost);
            f.passed = true;
        }
        if (f.admits())
            slot.keep(cost);
        if (lease.cost > 0) {
            leases_.add(lease, s.now);
            leases_.draw(cost, s.now, out);
        } else {
            leases_.record_single(wanted == cost && f.admits(), s.now);
            out.home = f.admits() && is_local() ? entry_home::local : entry_home::store;
        }
        return f;
    }

    // ---- without the store

    [[nodiscard]] bool is_local() const noexcept { return local_ != nullptr && local_->is_active(); }
    [[nodiscard]] detail::local_fallback& local() {
        if (local_ == nullptr)
            local_ = std::make_unique<detail::local_fallback>();
        local_->set_rules(key_.rules, factor_);
        return *local_;
    }

    // ---- leases

    [[nodiscard]] assessment draw(step& s, std::int64_t cost, inflight_slot& slot, entry& out) {
        if (!slot.take())
            return {s.now, cause::inflight, 0};
        leases_.draw(cost, s.now, out);
        slot.keep(cost);
        return {s.now, cause::none, 0};
    }
    /// Tells the store of the leases that are over. Releases the lock.
    bool give_back_leases(step& s) noexcept {
        bool gave = false;
        while (auto lease = leases_.take_finished(s.now)) {
            gave = true;
            flight_.unlocked([&, rules = key_.rules] { lease->give_back(s.store, slot_, rules->plan, s.now); });
        }
        return gave;
    }
    void settle_at_home(step& s, entry& e, settlement how) noexcept {
        switch (e.home) {
        case entry_home::local:
            return local_->settle(e, how, s.now);
        case entry_home::lease:
            leases_.settle(e, how, s.now);
            give_back_leases(s);
            return;
        case entry_home::store:
            flight_.unlocked([&, rules = key_.rules] { s.store.settle(slot_, rules->plan, e, how, s.now); });
        }
    }

    // ---- the queue

    /// One try for the front, in the turn that was taken.
    void serve_front(step& s, waiter& w) noexcept {
        serving_ = &w;
        front_rescheduled_ = false;
        const std::int64_t cost = w.cost;  // once it is cancelled, the waiter may be gone
        entry got;
        const assessment f = mark_held(try_front(s, cost, got), s.now);
        s.now = s.store.after(s.now);
        if (std::exchange(serving_, nullptr) != &w) {
            if (f.admits())
                undo(s, got);
            else
                key_.leave_line(s.ceiling);  // another waiter, or none, is in front now
            return;
        }
        const bool is_too_late = w.deadline <= s.now || (key_core::is_timed(f) && f.at > w.deadline);
        if (f.admits()) {
            w.admitted = got;
            key_.queue().complete(w, key_.to_decision(f), s.now, s.done);
            reschedule_front(s, {s.now, cause::none, 0});
        } else if (key_core::is_final(f) || is_too_late) {
            key_.queue().complete(w, key_.to_decision(f), s.now, s.done);
            // The next one may be cheaper.
            const bool is_cheaper = !key_.is_quiet() && key_.queue().front().cost < cost;
            reschedule_front(s, is_cheaper ? assessment{s.now, cause::none, 0} : f);
        } else {
            // What made room while the call was under way may have come too late for it.
            key_.queue().set_front_due(front_rescheduled_ ? s.now : next_try(f, s.now));
            key_.queue().set_front_expected(f);
            if (f.cause != cause::inflight)
                key_.leave_line(s.ceiling);
            if (key_core::is_timed(f))
                refuse_before(s, f);
        }
    }
    [[nodiscard]] assessment try_front(step& s, std::int64_t cost, entry& got) noexcept {
        if (key_.is_paused || (cost > key_.plan().max_cost && key_.plan().enforce)) {
            flight_.end();
            return key_.is_paused ? key_core::paused(s.now) : never(cost);
        }
        try {
            return admit_in_turn(s, cost, true, got);
        } catch (const std::bad_alloc&) {
            return {saturating_add(s.now, retry_failed), cause::store, 0};
        }
    }

    /// Takes back what was granted to a waiter that was cancelled meanwhile.
    void undo(step& s, entry& got) noexcept {
        if (got.in_flight && s.ceiling.give_back())
            s.has_freed = true;
        settle_at_home(s, got, settlement::refunded);
        improved(s);
    }

    void improved(step& s) noexcept {
        key_.denial.clear();
        known_ = {long_ago, cause::none, 0};
        s.note(change::better);
    }

    /// Gives the front its time. It leaves the line for a slot, and enters it again when it tries.
    void reschedule_front(step& s, const assessment& f) noexcept {
        key_.leave_line(s.ceiling);
        front_rescheduled_ = true;
        if (key_.is_quiet())
            return;
        key_.queue().set_front_due(next_try(f, s.now));
        key_.queue().notify_front();
    }

    /// Refuses the waiters behind the front whose deadline has come.
    void refuse_late(step& s) noexcept {
        for (waiter* w = nullptr; (w = key_.queue().next_late(s.now)) != nullptr && !key_.queue().is_front(*w);)
            key_.queue().complete(*w, key_.to_decision(behind_queue(known(s.now), s.now)), s.now, s.done);
    }
    /// Refuses the waiters whose deadline comes before the front's time: they cannot go before it.
    void refuse_before(step& s, const assessment& f) noexcept {
        while (key_.queue().first_deadline() < f.at) {
            waiter* w = key_.queue().next_late(key_.queue().first_deadline());
            if (w == nullptr || key_.queue().is_front(*w))
                return;
            key_.queue().complete(*w, key_.to_decision(f), s.now, s.done);
        }
    }

    // ---- what the store said last

    /// Marks a denial by a gate that is farther away than any request is to wait for it.
    [[nodiscard]] assessment mark_held(assessment f, instant now) const noexcept {
        f.beyond_max_hold =
            f.cause == cause::gate && !f.passed && !key_.is_paused && f.at > saturating_add(now, key_.plan().max_hold);
        return f;
    }
    void remember(const assessment& f, std::int64_t cost, instant now) noexcept {
        key_.denial.clear();
        key_.note_bound(f);
        known_ = {long_ago, cause::none, 0};
        if (f.cause == cause::none || f.passed || cost != 1)
            return;
        if (f.cause == cause::window || f.cause == cause::gate)
            known_ = f;
        // A store elsewhere does not say whether an open entry stands in the way: then the time is a whole period away.
        const bool may_move = f.cause == cause::window && f.at - key_.plan().windows[f.window].period >= now;
        if (key_.is_quiet() && !may_move)
            key_.publish(f, cost);
    }
    [[nodiscard]] assessment known(instant now) const noexcept {
        return known_.at > now ? known_ : assessment{now, cause::none, 0};
    }
    /// The best case of a request that comes after the queue: never before the front.
    [[nodiscard]] assessment behind_queue(assessment f, instant now) const noexcept {
        if (!key_.is_quiet()) {
            const assessment& front = key_.queue().expected(key_.queue().front());
            if (front.at >= f.at || f.admits())
                f = {std::max({front.at, f.at, now}), front.cause, front.window};
        }
        if (f.admits())
            f.cause = cause::window;  // others stand in front, or a call is under way
        return f;
    }
    /// When the front tries again after `f`; one that lacks an in-flight slot is told when one comes free.
    [[nodiscard]] instant next_try(const assessment& f, instant now) const noexcept {
        if (f.cause == cause::inflight || key_.is_paused)
            return far_future;
        return f.cause == cause::concurrency ? saturating_add(now, retry_ceiling) : std::max(f.at, now);
    }

    key_core& key_;
    detail::single_flight flight_;
    typename Store::slot slot_;
    instant unsent_gate_ = long_ago;                 // a gate that the store could not take yet
    std::unique_ptr<detail::local_fallback> local_;  // made when the store fails
    detail::lease_book leases_;
    [[no_unique_address]] detail::tuner_home<Store> tuner_;
    multiplier factor_;
    assessment known_{long_ago, cause::none, 0};  // the last denial of one unit, while only time can end it
    waiter* serving_ = nullptr;                   // the waiter for whom a call is under way; null once it is cancelled
    bool front_rescheduled_ = false;              // whether the front was given a new time during that call
};

}  // namespace weir
