// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/store_abilities.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
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
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace weir {

/// Limits one key whose log is in this process: every verb is one step under the key's lock.
///
/// Verbs that change the key note that in the step; `finish` then serves the queue once. Waiters that get their answer
/// are handed to the step, which calls them after the unlock.
///
/// **Thread safety.** Everything but construction needs the key's lock.
template <class Store>
class local_limiter {
public:
    using step = key_step<Store>;
    using change = typename step::change;

    local_limiter(key_core& key, typename Store::slot slot) : key_(key), slot_(std::move(slot)) {}

    // ---- decisions

    /// Decides on `cost` units at once (0 = not counted), behind those that already wait.
    [[nodiscard, gnu::always_inline]] assessment decide(step& s, std::int64_t cost, entry& out) {
        if (is_obstructed()) [[unlikely]]
            if (const auto f = obstruction(s, cost))
                return *f;
        const assessment f = s.store.admit(slot_, key_.plan(), cost, s.now, any_slot{s.ceiling}, out);
        if (f.cause != cause::none) [[unlikely]] {
            const assessment copy = f;  // no address is taken of the other, so it stays in registers
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
        if (!f.admits() && key_.is_quiet())
            key_.publish(f, cost);
        return f;
    }

    /// What `decide` would say, without entering anything.
    [[nodiscard]] assessment peek(step& s, std::int64_t cost) {
        if (is_obstructed())
            if (const auto f = obstruction(s, cost))
                return *f;
        assessment f = s.store.assess_behind(slot_, key_.plan(), cost, s.now, none_ahead{});
        if (f.admits() && cost > 0 && s.ceiling.limit() > 0 && s.ceiling.taken() >= s.ceiling.limit())
            f.cause = cause::inflight;
        return f;
    }

    // ---- waiting

    /// Decides at once, or puts `w` in the queue and says true: then it is called later. False: `w.verdict` is the
    /// answer. **Exception safety.** Strong.
    [[nodiscard]] bool submit(step& s, waiter& w) {
        w.arrived = s.now;
        const assessment f = decide(s, w.cost, w.admitted);
        w.verdict = key_.to_decision(f);
        return !f.admits() && enqueue(s, w, f);
    }

    /// Puts `w`, which `decide` has just denied with `f`, in the queue. False: it cannot be served by its deadline, and
    /// `w.verdict` is the answer.
    [[nodiscard]] bool enqueue(step& s, waiter& w, assessment f) {
        w.arrived = s.now;
        w.verdict = key_.to_decision(f);
        if (key_core::is_final(f) || w.deadline <= s.now || f.at > w.deadline || key_.is_full())
            return false;
        key_.make_room();
        wait_queue& q = key_.queue();
        const bool is_first = q.empty();
        q.push(w, f);
        key_.denial.clear();
        if (is_first && f.cause == cause::inflight) {
            serve(s, false);  // as the first of its key it enters the line for a slot
            return true;
        }
        if (is_first)
            q.set_front_due(due_of(f));
        else if (w.cost == 0)  // it passes the others as soon as the gate opens
            q.set_front_due(std::min(q.front_due(), f.at));
        if (!q.empty())
            q.notify_front();
        return true;
    }

    /// Takes `w` out of the queue as cancelled; says whether it still waited.
    bool cancel(step& s, waiter& w) noexcept {
        if (!wait_queue::is_queued(w))
            return wait_queue::cancel_early(w);
        const bool was_front = key_.queue().is_front(w);
        key_.queue().complete(w, {outcome::cancelled, cause::none, s.now, {}, {}}, s.now, s.done);
        key_.mark_stale();
        if (was_front)
            s.note(change::better);
        return true;
    }

    /// Does what time allows: grants those whose time has come, refuses those whose deadline has.
    void serve_due(step& s, const waiter* = nullptr) {
        if (!key_.is_quiet() && std::min(key_.queue().front_due(), key_.queue().first_deadline()) <= s.now)
            serve(s, false);
    }
    /// The key has its turn for an in-flight slot.
    void serve_turn(step& s) { s.note(change::better); }

    // ---- changes

    void settle(step& s, entry& e, settlement how) noexcept {
        // Every forecast takes an open entry for answered at once: once it is answered, forecasts are later.
        const bool worse = e.state == entry_state::open;
        s.store.settle(slot_, key_.plan(), e, how, s.now);
        changed(s, worse ? change::worse : change::better);
    }
    /// Lowers an entry to `cost` units, where the store can.
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
    /// Takes the gate away; false where the store cannot.
    bool open_gate(step& s) {
        if constexpr (requires { s.store.open_gate(slot_); }) {
            s.store.open_gate(slot_);
            key_.pause = {};
            changed(s, change::better);
            return true;
        }
        return false;
    }
    /// Puts other rules in force: the past counts under them at once.
    void set_rules(step& s, std::shared_ptr<const key_rules> rules) noexcept {
        std::swap(key_.rules, rules);
        changed(s, change::worse);
    }
    void tune(step& s, multiplier m) { tuner_.tune(s.store, slot_, m); }
    /// Moves what the tuner keeps.
    std::optional<tuner_state> learn(step& s, tuner_step how) { return tuner_.learn(s.store, slot_, how); }
    void erase(step& s) {
        s.store.erase(slot_);
        changed(s, change::better);
    }

    /// Serves the queue once if anything has changed for it.
    [[gnu::always_inline]] void finish(step& s) noexcept {
        if (s.changed != change::none && (!key_.is_quiet() || key_.lacks_slot)) [[unlikely]]
            serve(s, s.changed == change::worse);
        s.changed = change::none;
    }

    // ---- queries

    [[nodiscard]] key_snapshot read(step& s) { return s.store.read(slot_, key_.plan(), s.now); }
    [[nodiscard]] multiplier factor(const Store& store) const { return tuner_.factor(store, slot_); }
    /// Whether the past of the key decides nothing any more.
    [[nodiscard]] bool is_idle(const Store& store, instant now) const {
        return store.idle(slot_, key_.plan(), now) && tuner_.is_idle(now);
    }
    /// Whether settling `e` this way needs the time.
    [[nodiscard]] bool needs_time(const entry& e, settlement how) const noexcept {
        return !key_.is_quiet() || (e.state == entry_state::open && how != settlement::refunded);
    }
    [[nodiscard]] bool is_polled() const noexcept { return key_.has_polled(); }
    [[nodiscard]] instant next_due() const noexcept { return key_.next_due(); }
    /// When the thread behind `w` has to look again: the uncounted pass as soon as the gate opens.
    [[nodiscard]] instant wake_of(const waiter& w) const noexcept {
        return key_.queue().is_front(w) || w.cost == 0
                   ? std::min({key_.queue().front_due(), w.deadline, key_.next_tune()})
                   : w.deadline;
    }

private:
    /// An in-flight slot for a request that is decided at once.
    struct any_slot {
        inflight_ceiling& ceiling;
        [[nodiscard]] bool take() const noexcept { return ceiling.try_take(); }
    };
    /// An in-flight slot for the first waiter of the key, in turn with other keys.
    struct slot_in_turn {
        step& s;
        key_core& key;
        [[nodiscard]] bool take() const noexcept {
            const auto t = s.ceiling.take_in_turn(key.room->in_line);
            key.references += static_cast<std::uint32_t>(t.references);
            return t.is_taken;
        }
    };
    struct free_slot {
        [[nodiscard]] static bool take() noexcept { return true; }
    };

    [[nodiscard, gnu::always_inline]] bool is_obstructed() const noexcept { return !key_.is_quiet() || key_.is_paused; }
    /// Why a request of `cost` units cannot be decided by the store; nothing when it can.
    [[nodiscard, gnu::noinline]] std::optional<assessment> obstruction(step& s, std::int64_t cost) {
        if (key_.is_paused)
            return key_core::paused(s.now);
        if (cost == 0)
            return std::nullopt;
        serve_due(s);
        if (key_.is_quiet())
            return std::nullopt;
        if (key_.queue().wants_forecasts())
            serve(s, true);
        if (key_.is_quiet())
            return std::nullopt;
        return behind_all(s, cost);
    }
    [[gnu::noinline]] void decided(step& s, const assessment& f, std::int64_t cost) noexcept {
        if (f.passed && cost > 0)
            s.ceiling.take();
        else if (!f.passed && key_.is_quiet())
            key_.publish(f, cost);
    }

    /// The forecast of a request that comes after all that wait.
    [[nodiscard]] assessment behind_all(step& s, std::int64_t cost) const {
        return behind(s, cost, key_.queue().all_ahead());
    }
    /// First come, first served: never before the last one ahead.
    [[nodiscard]] assessment behind(step& s, std::int64_t cost, const wait_queue::ahead& ahead) const {
        assessment f = s.store.assess_behind(slot_, key_.plan(), cost, s.now, ahead);
        const assessment* last = ahead.last();
        if (last == nullptr || cost == 0 || f.cause == cause::never)
            return f;
        if (last->at > f.at || f.admits())
            f = {std::max(last->at, f.at), f.beyond_max_hold ? cause::gate : last->cause, last->window,
                 f.beyond_max_hold};
        return f;
    }

    [[gnu::always_inline]] void changed(step& s, change c) noexcept {
        key_.denial.clear();
        key_.mark_stale();
        s.note(c);
    }

    [[nodiscard]] instant due_of(const assessment& f) const noexcept {
        return key_core::is_timed(f) && !key_.is_paused ? f.at : far_future;
    }
    /// One try for the front. A lack of memory is a denial: the waiter stays, and is tried again.
    [[nodiscard]] assessment try_front(step& s, waiter& w) noexcept {
        if (key_.is_paused)
            return key_core::paused(s.now);
        try {
            return s.store.admit(slot_, key_.plan(), w.cost, s.now, slot_in_turn{s, key_}, w.admitted);
        } catch (const std::bad_alloc&) {
            return {saturating_add(s.now, std::chrono::milliseconds{1}), cause::store, 0};
        }
    }

    /// Grants the front whatever has become possible, and refuses waiters whose deadline has come. `worse`: something
    /// happened that makes forecasts later; a waiter that cannot be served by its deadline any more is refused.
    ///
    /// **Complexity.** One assessment for each waiter that is granted, and one. O(waiters) where forecasts are made
    /// anew.
    [[gnu::noinline]] void serve(step& s, bool worse) noexcept {
        wait_queue& q = key_.queue();
        const auto is_too_late = [&](const waiter& w, const assessment& f) {
            return key_core::is_final(f) || w.deadline <= s.now || (worse && f.at > w.deadline);
        };
        const instant gate_opens = q.uncounted() > 0 && !key_.is_paused ? grant_uncounted(s) : far_future;
        assessment f{s.now, cause::none, 0};
        key_.lacks_slot = false;
        while (!q.empty()) {
            waiter& w = q.front();
            f = try_front(s, w);
            key_.lacks_slot = f.cause == cause::inflight && !f.passed;
            if (f.admits()) {
                if (f.passed && w.cost > 0)
                    s.ceiling.take();
            } else if (!is_too_late(w, f)) {
                q.set_front_expected(f);
                break;
            } else {
                q.mark_stale();  // the next one may be cheaper
            }
            q.complete(w, key_.to_decision(f), s.now, s.done);
        }
        key_.note_bound(f);
        if (q.empty())
            key_.lacks_slot = false;
        if (!key_.lacks_slot)
            key_.leave_line(s.ceiling);
        if (q.empty())
            return;
        // A free slot or an answer serves the queue: for them the front needs no time of its own. Those that wait for
        // the gate alone pass the front, so it wakes for them too.
        q.set_front_due(std::min(due_of(f), gate_opens));
        if (q.wants_forecasts() && (worse || q.first_deadline() <= s.now))
            assess_all(s, is_too_late);
        refuse_late(s);
        q.notify_front();
    }

    template <class IsTooLate>
    void assess_all(step& s, const IsTooLate& is_too_late) noexcept {
        key_.queue().assess_all(
            s.now, s.done,
            [&](const waiter& w, const wait_queue::ahead& ahead) {
                assessment f = behind(s, w.cost, ahead);
                if (f.admits())
                    f.cause = cause::inflight;  // nothing else stands in its way
                return f;
            },
            [&](const waiter& w, const assessment& f) { return is_too_late(w, f) || f.at > w.deadline; },
            [&](const assessment& f) { return key_.to_decision(f); });
    }
    /// Refuses the waiters behind the front whose deadline has come, with their last forecast.
    void refuse_late(step& s) noexcept {
        while (waiter* w = key_.queue().next_late(s.now)) {
            assessment f = key_.queue().expected(*w);
            f.at = std::max(f.at, s.now);
            key_.queue().complete(*w, key_.to_decision(f), s.now, s.done);
            key_.mark_stale();
        }
    }

    /// Grants those that wait for the gate alone, or says when it opens.
    [[nodiscard]] instant grant_uncounted(step& s) noexcept {
        instant opens = far_future;
        key_.queue().for_each_uncounted([&](waiter& w) {
            const assessment f = s.store.admit(slot_, key_.plan(), 0, s.now, free_slot{}, w.admitted);
            if (!f.admits()) {
                opens = f.at;
                return false;
            }
            key_.queue().complete(w, key_.to_decision(f), s.now, s.done);
            return true;
        });
        return opens;
    }

    key_core& key_;
    typename Store::slot slot_;
    [[no_unique_address]] detail::tuner_home<Store> tuner_;
};

}  // namespace weir
