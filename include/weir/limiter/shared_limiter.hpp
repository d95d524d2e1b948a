// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/assess_snapshot.hpp"
#include "weir/limiter/detail/remote_log.hpp"
#include "weir/limiter/detail/shared_queue_driver.hpp"
#include "weir/limiter/detail/store_outage.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
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
/// At most one call is active for a key and a process, with the key's lock released. A call is made by a request that
/// is decided at once, by the thread of the head of the queue, and by `poll()` if the head is a ticket. A release or an
/// answer makes no call to serve the queue: it only notifies the head that it may try.
///
/// The limiter proper is here: which request may call the store, and what becomes of the answer. What a call does is in
/// `detail::remote_log`, and the queue in `detail::shared_queue_driver`.
///
/// **Thread safety.** As `local_limiter`; also, the caller has a reference to the key. **Errors.** While the store
/// fails the policy's `on_store_error` decides: a denial with `cause::store`, or what a log in this process allows, or
/// everything. `take_store_error` returns the store's text, once for each failure.
template <class Store>
class shared_limiter {
public:
    using step = key_step<Store>;
    using change = typename step::change;

    /// How long after a call that failed, or met a ceiling of other processes, the store is called again.
    static constexpr duration retry_failed = detail::store_outage::retry_failed;
    static constexpr duration retry_hanging = detail::store_outage::retry_hanging;
    static constexpr duration retry_busy = detail::store_outage::retry_busy;
    static constexpr duration retry_ceiling = detail::shared_queue_driver::retry_ceiling;

    shared_limiter(key_core& key, typename Store::slot slot) : key_(key), log_(key, std::move(slot)), driver_(key) {
        key_.is_half_open = true;  // perhaps: the store says at the first request
        key_.make_room();          // an active call may enter the key in a list, and the end of a lease may wake it
    }

    // ---- decisions

    /// Decides at once, behind the waiters. Releases the lock.
    [[nodiscard]] assessment decide(step& s, std::int64_t cost, entry& out) {
        if (key_.queue_empty() && !key_.is_paused && log_.has_lease(cost, s.now))
            return log_.draw(s, cost, out);
        return at_once(s, cost, [&] { return log_.admit(s, cost, false, out); });
    }

    /// The same for units without a permit. Releases the lock.
    [[nodiscard]] assessment count(step& s, std::int64_t cost) {
        return at_once(s, cost, [&] { return log_.count(s, cost); });
    }

    /// What `decide` would answer at best, from one call that only reads. Releases the lock.
    [[nodiscard]] assessment peek(step& s, std::int64_t cost) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost > 0 && !key_.queue_empty())
            return driver_.assess_behind(log_.known(s.now));
        if (const assessment f = log_.known(s.now); !f.admits() || log_.has_lease(cost, s.now))
            return f;
        std::string error;
        const key_snapshot seen = read(s, error);
        if (!error.empty())
            return {saturating_add(s.now, retry_failed), cause::store, 0};
        assessment f = detail::assess_snapshot(seen, key_.plan(), cost, s.now);
        if (f.admits() && cost > 0 && s.ceiling.is_full())
            f.cause = cause::inflight;
        return f;
    }

    // ---- waiting

    /// Decides at once, or puts `w` in the queue. Returns whether it is in the queue: then it is called later, else
    /// `w.verdict` is the answer. Releases the lock. A cancel meanwhile has its effect.
    [[nodiscard]] bool submit(step& s, waiter& w) {
        w.arrived = s.now;
        wait_queue::begin(w);
        assessment f = log_.known(s.now);
        const bool is_first = key_.queue_empty() && (!log_.is_calling() || log_.has_lease(w.cost, s.now));
        if (key_.is_paused) {
            f = key_core::paused(s.now);
        } else if (w.deadline <= s.now || is_first) {
            f = decide(s, w.cost, w.admitted);
            if (wait_queue::was_cancelled(w)) {
                if (f.admits())
                    undo(s, w.admitted);
                w.verdict = key_core::cancelled(s.now);
                return false;
            }
            w.verdict = key_.to_decision(f);
            if (f.admits() || w.deadline <= s.store.after(s.now))
                return false;
        }
        return enqueue(s, w, f);
    }

    /// Puts `w`, which was denied with `denied` or could not be decided yet, in the queue. Returns false if it cannot
    /// be served by its deadline: then `w.verdict` is the answer.
    [[nodiscard]] bool enqueue(step& s, waiter& w, const assessment& denied) {
        const assessment f = key_.mark_held(driver_.assess_behind(denied), s.now);
        w.verdict = key_.to_decision(f);
        return driver_.enqueue(s, w, f);
    }

    /// Takes `w` out of the queue as cancelled. Returns whether it still waited. An active call for it is undone when
    /// it returns.
    bool cancel(step& s, waiter& w) noexcept {
        if (!wait_queue::is_queued(w))
            return wait_queue::cancel_early(w);
        driver_.cancel(s, w, log_.known(s.now));
        return true;
    }

    /// Grants and refuses the waiters whose time has come: `self`, for its thread, or if it is null all waiters that
    /// rely on `poll()`. Releases the lock.
    void serve_due(step& s, const waiter* self = nullptr) {
        log_.give_back_leases(s);
        wait_queue& q = key_.queue();
        while (!q.empty()) {
            driver_.refuse_late(s, log_.known(s.now));
            waiter& w = q.front();
            const bool is_late = w.deadline <= s.now;
            if (self != nullptr ? self != &w : !w.is_polled() && !is_late)
                break;
            if (q.front_due() > s.now && !is_late)
                break;
            if (!log_.take_turn()) {
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
    /// The key has its turn for an in-flight slot: the head may try.
    void serve_turn(step& s) { s.note(change::better); }

    // ---- changes

    /// Settles an entry. Releases the lock.
    void settle(step& s, entry& e, settlement how) noexcept {
        const bool makes_room = how == settlement::refunded ||
                                (how != settlement::answered && key_.plan().max_concurrent > 0 && e.in_flight);
        log_.settle(s, e, how);
        if (makes_room)
            improved(s);
    }
    /// Lowers an entry to `cost` units, if the store can. Releases the lock.
    void reduce(step& s, entry& e, std::int64_t cost) noexcept {
        if (log_.reduce(s, e, cost))
            improved(s);
    }
    /// Counts units that a request took beyond its cost, from now on. Releases the lock.
    void charge(step& s, std::int64_t cost) {
        log_.charge(s, cost);
        key_.denial.clear();
    }
    /// Moves the gate. Releases the lock.
    bool hold(step& s, instant until) noexcept {
        if (!log_.hold(s, until))
            return false;
        driver_.hold(s, key_.mark_held({until, cause::gate, 0}, s.now));
        return true;
    }
    /// Opens the gate. Returns false if the store cannot, or failed. Releases the lock.
    bool open_gate(step& s) {
        if constexpr (openable_store<Store>) {
            if (!detail::opens_gates(s.store))
                return false;
            const bool is_open = log_.open_gate(s);
            key_.change_pause([](detail::refusal_pause& p) { p = {}; });
            improved(s);
            return is_open;
        }
        return false;
    }
    /// Changes what all processes know of refusals by `how(refusal_pause&)`, which may be called more than once.
    /// Releases the lock. If the store fails, only this process knows.
    template <class F>
    void change_pause(step& s, F&& how) noexcept {
        if (!log_.change_pause(s, how))
            key_.change_pause(how);
        improved(s);
    }
    /// Replaces the rules. History counts under the new rules at once.
    void set_rules(step& s, std::shared_ptr<const key_rules> rules) noexcept {
        std::swap(key_.rules, rules);
        log_.rules_changed();
        improved(s);
    }
    /// Sets the tuner's factor. Releases the lock.
    void tune(step& s, multiplier m) { log_.tune(s, m); }
    /// Updates the tuner's state; empty if the store failed. Releases the lock.
    std::optional<tuner_state> learn(step& s, tuner_step how) { return log_.learn(s, how); }
    /// Forgets the key's history. Releases the lock.
    void erase(step& s, open_entries what = open_entries::keep) {
        log_.erase(s, what);
        key_.change_pause([](detail::refusal_pause& p) { p = {}; });
        improved(s);
    }
    /// Ends every lease. Returns whether there was any. Releases the lock.
    bool end_leases(step& s) noexcept { return log_.end_leases(s); }

    /// Lets the head try if anything has changed, and refuses the waiters whose deadline has come. Makes no call.
    void finish(step& s) noexcept {
        if (s.changed == change::none)
            return;
        s.changed = change::none;
        driver_.refuse_late(s, log_.known(s.now));
        driver_.reschedule_front(s, {s.now, cause::none, 0});
    }

    // ---- queries

    /// The key's state in the store. If the store fails, `error` gets its text. Releases the lock.
    [[nodiscard]] key_snapshot read(step& s, std::string& error) { return log_.read(s, error); }
    [[nodiscard]] key_snapshot read(step& s) {
        std::string ignored;
        return read(s, ignored);
    }
    [[nodiscard]] multiplier factor(const Store&) const noexcept { return log_.factor(); }
    /// Whether forgetting what this process keeps of the key would change no decision.
    [[nodiscard]] bool is_idle(const Store& store, instant now) const { return log_.is_idle(store, now); }
    [[nodiscard]] static constexpr bool needs_time(const entry&, settlement) noexcept { return true; }
    /// Whether a waiter, or the end of a lease, relies on `poll()`.
    [[nodiscard]] bool is_polled() const noexcept { return key_.has_polled() || log_.next_lease_end() < far_future; }
    /// When `poll()` is needed at the latest. A head with a thread needs no poll.
    [[nodiscard]] instant next_due() const noexcept {
        const instant at = log_.next_lease_end();
        if (!key_.has_polled())
            return at;
        return std::min(
            {at, key_.queue().front().is_polled() ? key_.next_due() : key_.queue().first_deadline(), key_.next_tune()});
    }
    /// When the thread of `w` must look again.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept { return key_.wake_of(w, false); }
    /// The text of the last call that failed, once.
    [[nodiscard]] std::string take_store_error() noexcept { return log_.take_error(); }

private:
    template <class F>
    [[nodiscard]] assessment at_once(step& s, std::int64_t cost, F&& decide_in_turn) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost > key_.plan().max_cost && key_.plan().enforce)
            return detail::never(key_.plan(), cost);
        do {
            if (cost > 0 && !key_.queue_empty())
                return key_.mark_held(driver_.assess_behind(log_.known(s.now)), s.now);
        } while (!log_.take_turn());
        return key_.mark_held(decide_in_turn(), s.now);
    }

    /// Tries to admit the head in the turn that was taken.
    void serve_front(step& s, waiter& w) noexcept {
        driver_.begin_try(w);
        const std::int64_t cost = w.cost;  // a cancelled waiter may be gone
        entry got;
        const assessment f = key_.mark_held(try_front(s, cost, got), s.now);
        s.now = s.store.after(s.now);
        if (!driver_.end_try(s, w, cost, f, got) && f.admits())
            undo(s, got);
    }
    [[nodiscard]] assessment try_front(step& s, std::int64_t cost, entry& got) noexcept {
        if (key_.is_paused || (cost > key_.plan().max_cost && key_.plan().enforce)) {
            log_.end_turn();
            return key_.is_paused ? key_core::paused(s.now) : detail::never(key_.plan(), cost);
        }
        try {
            return log_.admit(s, cost, true, got);
        } catch (const std::bad_alloc&) {
            return {saturating_add(s.now, retry_failed), cause::store, 0};
        }
    }

    /// Takes back what was granted to a waiter that was cancelled during the call.
    void undo(step& s, entry& got) noexcept {
        if (got.in_flight && s.ceiling.give_back())
            s.has_freed = true;
        log_.settle(s, got, settlement::refunded);
        improved(s);
    }

    void improved(step& s) noexcept {
        log_.forget_denial();
        s.note(change::better);
    }

    key_core& key_;
    detail::remote_log<Store> log_;
    detail::shared_queue_driver driver_;
};

}  // namespace weir
