// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/inflight_slot.hpp"
#include "weir/limiter/detail/local_queue_driver.hpp"
#include "weir/limiter/detail/store_abilities.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace weir {

/// Limits one key whose log is in this process: every verb is one step under the key's lock.
///
/// A verb that changes the key notes that in the step, and `finish` then serves the queue once. The step gets the
/// waiters that are completed, and calls them after the unlock.
///
/// **Thread safety.** All members but the constructor need the key's lock.
template <class Store>
class local_limiter {
public:
    using step = key_step<Store>;
    using change = typename step::change;

    local_limiter(key_core& key, typename Store::slot slot) : key_(key), slot_(std::move(slot)) {}

    // ---- decisions

    /// Decides on `cost` units at once, behind the waiters. A cost of 0 is not counted.
    [[nodiscard, gnu::always_inline]] assessment decide(step& s, std::int64_t cost, entry& out) {
        if (is_obstructed()) [[unlikely]]
            return decide_obstructed(s, cost, out);
        const assessment f = s.store.admit(slot_, key_.plan(), cost, s.now, detail::any_inflight_slot{s.ceiling}, out);
        if (f.cause != cause::none) [[unlikely]] {
            const assessment copy = f;  // only the copy has an address, so the original stays in registers
            decided(s, copy, cost);
        }
        return f;
    }

    /// Decides on units without a permit: they count from now and take no in-flight slot.
    [[nodiscard, gnu::always_inline]] assessment count(step& s, std::int64_t cost) {
        if (is_obstructed()) [[unlikely]]
            if (const auto f = obstruction(s, cost))
                return *f;
        const assessment f = detail::count_units(s.store, slot_, key_.plan(), cost, s.now);
        if (!f.admits() && key_.queue_empty())
            key_.publish(f, cost);
        return f;
    }

    /// What `decide` would answer. Enters nothing.
    [[nodiscard]] assessment peek(step& s, std::int64_t cost) {
        if (is_obstructed())
            if (const auto f = obstruction(s, cost))
                return *f;
        if (key_.waits_for_probe(s.now))
            return key_.probing(s.now);
        assessment f = s.store.assess_behind(slot_, key_.plan(), cost, s.now, none_ahead{});
        if (f.admits() && cost > 0 && s.ceiling.is_full())
            f.cause = cause::inflight;
        return f;
    }

    // ---- waiting

    /// Decides at once, or puts `w` in the queue. Returns whether it is in the queue: then it is called later, else
    /// `w.verdict` is the answer. **Exception safety.** Strong.
    [[nodiscard]] bool submit(step& s, waiter& w) {
        w.arrived = s.now;
        const assessment f = decide(s, w.cost, w.admitted);
        w.verdict = key_.to_decision(f);
        return !f.admits() && enqueue(s, w, f);
    }

    /// Puts `w`, which `decide` has just denied with `f`, in the queue. Returns false if it cannot be served by its
    /// deadline: then `w.verdict` is the answer.
    [[nodiscard]] bool enqueue(step& s, waiter& w, assessment f) {
        w.arrived = s.now;
        w.verdict = key_.to_decision(f);
        if (key_.refuses_to_queue(w, f, s.now))
            return false;
        key_.make_room();
        wait_queue& q = key_.queue();
        const bool is_first = q.empty();
        q.push(w, f);
        key_.denial.clear();
        if (is_first && f.cause == cause::inflight) {
            serve(s, false);  // the key enters the line for a slot, because `w` is the head
            return true;
        }
        if (is_first)
            q.set_front_due(key_.due_of(f));
        else if (w.cost == 0)  // it passes the head as soon as the gate opens
            q.set_front_due(std::min(q.front_due(), f.at));
        if (!q.empty())
            q.notify_front();
        return true;
    }

    /// Takes `w` out of the queue as cancelled. Returns whether it still waited.
    bool cancel(step& s, waiter& w) noexcept {
        if (!wait_queue::is_queued(w))
            return wait_queue::cancel_early(w);
        const bool was_front = key_.queue().is_front(w);
        key_.complete_cancelled(s, w);
        key_.mark_stale();
        if (was_front)
            s.note(change::better);
        return true;
    }

    /// Grants the waiters whose time has come, and refuses those whose deadline has come.
    void serve_due(step& s, const waiter* = nullptr) {
        if (!key_.queue_empty() && std::min(key_.queue().front_due(), key_.queue().first_deadline()) <= s.now)
            serve(s, false);
    }
    /// The key has its turn for an in-flight slot.
    void serve_turn(step& s) { s.note(change::better); }

    // ---- changes

    void settle(step& s, entry& e, settlement how) noexcept {
        // An assessment assumes that an open entry is answered at once. So assessments become later with the answer.
        const bool worse = e.state == entry_state::open;
        s.store.settle(slot_, key_.plan(), e, how, s.now);
        changed(s, worse ? change::worse : change::better);
    }
    /// Lowers an entry to `cost` units, if the store can.
    void reduce(step& s, entry& e, std::int64_t cost) noexcept {
        if constexpr (reducible_store<Store>) {
            s.store.reduce(slot_, key_.plan(), e, cost, s.now);
            changed(s, change::better);
        }
    }
    /// Counts units that a request took beyond its cost, from now on.
    void charge(step& s, std::int64_t cost) {
        window_plan plan = key_.plan();
        plan.enforce = false;
        static_cast<void>(detail::count_units(s.store, slot_, plan, cost, s.now));
        changed(s, change::worse);
    }
    bool hold(step& s, instant until) noexcept {
        if (!s.store.hold(slot_, until))
            return false;
        changed(s, change::worse);
        return true;
    }
    /// Opens the gate. Returns false if the store cannot.
    bool open_gate(step& s) {
        if constexpr (openable_store<Store>) {
            s.store.open_gate(slot_);
            key_.change_pause([](detail::refusal_pause& p) { p = {}; });
            changed(s, change::better);
            return true;
        }
        return false;
    }
    /// Changes what is known of refusals by `how(refusal_pause&)`.
    template <class F>
    void change_pause(step& s, F&& how) noexcept {
        const bool was_half_open = key_.is_half_open;
        key_.change_pause(how);
        if (was_half_open)
            changed(s, change::better);
    }
    /// Replaces the rules. History counts under the new rules at once.
    void set_rules(step& s, std::shared_ptr<const key_rules> rules) noexcept {
        std::swap(key_.rules, rules);
        changed(s, change::worse);
    }
    void tune(step& s, multiplier m) { tuner_.tune(s.store, slot_, m); }
    /// Updates the tuner's state.
    std::optional<tuner_state> learn(step& s, tuner_step how) { return tuner_.learn(s.store, slot_, how); }
    /// Its open entries are this process's own requests, which end by themselves: they stay.
    void erase(step& s, open_entries = open_entries::keep) {
        // The store's `erase` takes no time. A verb that decides stamps the abandoned requests that are over by now,
        // because they are history too.
        entry uncounted;
        static_cast<void>(s.store.admit(slot_, key_.plan(), 0, s.now, detail::free_inflight{}, uncounted));
        tuner_.erase(s.store, slot_);
        key_.change_pause([](detail::refusal_pause& p) { p = {}; });
        changed(s, change::better);
    }

    /// Serves the queue once if anything has changed for it.
    [[gnu::always_inline]] void finish(step& s) noexcept {
        if (s.changed != change::none && (!key_.queue_empty() || key_.lacks_slot)) [[unlikely]]
            serve(s, s.changed == change::worse);
        s.changed = change::none;
    }

    // ---- queries

    [[nodiscard]] key_snapshot read(step& s) { return s.store.read(slot_, key_.plan(), s.now); }
    [[nodiscard]] multiplier factor(const Store& store) const { return tuner_.factor(store, slot_); }
    /// Whether forgetting the key's history would change no decision.
    [[nodiscard]] bool is_idle(const Store& store, instant now) const {
        return store.idle(slot_, key_.plan(), now) && tuner_.is_idle(now);
    }
    /// Whether settling `e` this way needs the time.
    [[nodiscard]] bool needs_time(const entry& e, settlement how) const noexcept {
        return !key_.queue_empty() || (e.state == entry_state::open && how != settlement::refunded);
    }
    [[nodiscard]] bool is_polled() const noexcept { return key_.has_polled(); }
    [[nodiscard]] instant next_due() const noexcept { return key_.next_due(); }
    /// When the thread of `w` must look again. An uncounted request passes the head as soon as the gate opens.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept { return key_.wake_of(w, w.cost == 0); }

private:
    [[nodiscard, gnu::always_inline]] bool is_obstructed() const noexcept {
        return !key_.queue_empty() || key_.is_paused || key_.is_half_open;
    }
    [[nodiscard, gnu::noinline]] assessment decide_obstructed(step& s, std::int64_t cost, entry& out) {
        if (const auto f = obstruction(s, cost))
            return *f;
        if (key_.waits_for_probe(s.now))
            return key_.probing(s.now);
        const assessment f = s.store.admit(slot_, key_.plan(), cost, s.now, detail::any_inflight_slot{s.ceiling}, out);
        if (f.cause != cause::none)
            decided(s, f, cost);
        key_.note_probe(f, s.now);
        return f;
    }
    /// What stands in the way of a request of `cost` units before the store is asked; empty if nothing does.
    [[nodiscard, gnu::noinline]] std::optional<assessment> obstruction(step& s, std::int64_t cost) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost == 0)
            return std::nullopt;
        serve_due(s);
        if (key_.queue_empty())
            return std::nullopt;
        if (key_.queue().wants_assessment())
            serve(s, true);
        if (key_.queue_empty())
            return std::nullopt;
        return detail::local_queue_driver<Store>{s, key_, slot_}.assess_behind(cost, key_.queue().all_ahead());
    }
    [[gnu::noinline]] void decided(step& s, const assessment& f, std::int64_t cost) noexcept {
        if (f.passed && cost > 0)
            s.ceiling.take();
        else if (!f.passed && key_.queue_empty())
            key_.publish(f, cost);
    }

    [[gnu::always_inline]] void changed(step& s, change c) noexcept {
        key_.denial.clear();
        key_.mark_stale();
        s.note(c);
    }

    /// Serves the queue. `is_worse`: something happened that makes assessments later.
    [[gnu::noinline]] void serve(step& s, bool is_worse) noexcept {
        detail::local_queue_driver<Store>{s, key_, slot_}.serve(is_worse);
    }

    key_core& key_;
    typename Store::slot slot_;
    [[no_unique_address]] detail::tuner_home<Store> tuner_;
};

}  // namespace weir
