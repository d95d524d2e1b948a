// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/denial_cache.hpp"
#include "weir/limiter/detail/inflight_slot.hpp"
#include "weir/limiter/detail/lease_book.hpp"
#include "weir/limiter/detail/local_fallback.hpp"
#include "weir/limiter/detail/probe_claim.hpp"
#include "weir/limiter/detail/store_abilities.hpp"
#include "weir/limiter/detail/store_calls.hpp"
#include "weir/limiter/detail/store_outage.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace weir::detail {

/// The log of a key in a shared store, as this process uses it: by one call at a time, by leases, and without the store
/// while that fails. It knows no waiters.
///
/// Its members release the key's lock for a round trip, unless they say that they keep it.
///
/// **Thread safety.** All members need the key's lock, and a reference to the key.
template <class Store>
class remote_log {
public:
    using step = key_step<Store>;

    remote_log(key_core& key, typename Store::slot slot) : key_(key), calls_(key, std::move(slot)) {
        leases_.set_rules(key_.rules);
    }

    // ---- turns

    [[nodiscard]] bool is_calling() const noexcept { return calls_.is_calling(); }
    /// Takes the turn to decide. Returns false if it waited for another call: then the state may have changed.
    [[nodiscard]] bool take_turn() noexcept { return calls_.take_turn(); }
    void end_turn() noexcept { calls_.end_turn(); }

    // ---- decisions

    /// What is known at `now` without a call. Keeps the lock.
    [[nodiscard]] assessment known(instant now) const noexcept { return known_.at(now); }
    /// Forgets what is known, because something made room. Keeps the lock.
    void forget_denial() noexcept { known_.clear(key_); }

    /// Whether a lease has `cost` units to give. Keeps the lock.
    [[nodiscard]] bool has_lease(std::int64_t cost, instant now) const noexcept {
        return !key_.is_half_open && leases_.has(cost, now);
    }
    /// Admits a request by a lease. Keeps the lock. **Preconditions.** `has_lease(cost, s.now)`.
    [[nodiscard]] assessment draw(step& s, std::int64_t cost, entry& out) {
        inflight_slot slot{s, key_, false};
        return draw(s, cost, slot, out);
    }

    /// Admits a request in the turn that was taken, and ends the turn. It may take a lease, and draw its units from
    /// that.
    [[nodiscard]] assessment admit(step& s, std::int64_t cost, bool is_head, entry& out) {
        inflight_slot slot{s, key_, is_head};
        if (has_lease(cost, s.now)) {
            end_turn();
            return draw(s, cost, slot, out);
        }
        give_back_leases(s);
        const bool lacks_slot = cost > 0 && !slot.take();
        if (lacks_slot && key_.plan().enforce) {
            end_turn();
            return {s.now, cause::inflight, 0};
        }
        // Of a half-open key only the probe is admitted, and its lease would let others follow.
        // A limit that counts from a time on is not kept by a lease.
        const bool is_single = key_.is_half_open || key_.plan().has_since();
        std::int64_t wanted = is_single ? cost : leases_.wanted(cost, s.now);
        if (wanted > cost && !(lends_units(s.store) && leases_.make_room()))
            wanted = cost;
        entry lease;
        probe_claim claim{key_, s.now};
        assessment f = decide(
            s, cost,
            [&, lease_plan = leases_.plan()](auto& where, const window_plan& plan) {
                const auto learn = [&](tuner_step how) { return tuner_.learn(s.store, where, how); };
                if (claim.comes_first() && !claim.make(learn))
                    return claim.denial();
                if (wanted > cost) {
                    const assessment all = s.store.admit(where, *lease_plan, wanted, s.now, lease);
                    if (all.admits())
                        return all;
                }
                const assessment single = s.store.admit(where, plan, cost, s.now, out);
                if (!claim.comes_last() || !single.admits())
                    return single;
                if (single.is_new) {
                    claim.has_no_notes();
                    return single;
                }
                try {
                    if (claim.make(learn))
                        return single;
                } catch (const std::exception&) {
                    return single;  // its entry is in the store; the next admission asks again
                }
                s.store.settle(where, plan, out, settlement::refunded, s.now);
                return claim.denial();
            },
            [&](local_fallback& local, instant now) { return local.admit(cost, now, out); });
        claim.end(f);
        if (claim.notes() != nullptr)
            adopt_limits(*claim.notes());
        if (lacks_slot && f.cause == cause::none) {
            f.cause = cause::inflight;
            f.passed = true;
        }
        if (cost > key_.plan().max_cost && f.admits()) {
            f = never(key_.plan(), cost);
            f.passed = true;
        }
        if (f.admits())
            slot.keep(cost);
        if (lease.cost > 0) {
            leases_.add(lease, s.now);
            leases_.draw(cost, s.now, out);
        } else {
            leases_.record_single(wanted == cost && f.admits(), s.now);
            out.home = f.admits() && outage_.is_local() ? entry_home::local : entry_home::store;
        }
        return f;
    }

    /// Counts units without a permit in the turn that was taken, and ends the turn.
    [[nodiscard]] assessment count(step& s, std::int64_t cost) {
        return decide(
            s, cost,
            [&](auto& where, const window_plan& plan) { return count_units(s.store, where, plan, cost, s.now); },
            [&](local_fallback& local, instant now) { return local.count(cost, now); });
    }
    /// Counts units in any case.
    void charge(step& s, std::int64_t cost) {
        auto plan = std::make_shared<window_plan>(key_.plan());
        plan->enforce = false;
        call(s, [&](auto& where, const window_plan&) {
            static_cast<void>(count_units(s.store, where, *plan, cost, s.now));
        });
    }

    // ---- entries

    void settle(step& s, entry& e, settlement how) noexcept {
        switch (e.home) {
        case entry_home::local:
            return outage_.settle(e, how, s.now);
        case entry_home::lease:
            leases_.settle(e, how, s.now);
            give_back_leases(s);
            return;
        case entry_home::store:
            calls_.call_beside(
                [&](auto& where, const window_plan& plan) { s.store.settle(where, plan, e, how, s.now); });
        }
    }
    /// Lowers an entry to `cost` units. Returns whether that is possible. A lease or the local fallback has counted too
    /// much then, which is safe.
    bool reduce(step& s, entry& e, std::int64_t cost) noexcept {
        if constexpr (reducible_store<Store>) {
            if (e.home != entry_home::store || !lends_units(s.store))
                return false;
            calls_.call_beside(
                [&](auto& where, const window_plan& plan) { s.store.reduce(where, plan, e, cost, s.now); });
            return true;
        }
        return false;
    }
    /// Gives the leases that are over back to the store. Returns whether there was any.
    bool give_back_leases(step& s) noexcept {
        bool gave = false;
        while (auto lease = leases_.take_finished(s.now)) {
            gave = true;
            calls_.call_beside(
                [&](auto& where, const window_plan& plan) { lease->give_back(s.store, where, plan, s.now); });
        }
        return gave;
    }
    /// Ends every lease. Returns whether there was any.
    bool end_leases(step& s) noexcept {
        leases_.close();
        return give_back_leases(s);
    }

    // ---- changes

    /// Moves the gate. Returns whether it moved. A gate that the store cannot take holds this process all the same.
    bool hold(step& s, instant until) noexcept {
        bool moved = false;
        if (!call(s, [&](auto& where, const window_plan&) { moved = s.store.hold(where, until); }))
            moved = calls_.keep_gate(until);
        end_leases(s);
        if (moved)
            known_.record(key_, key_.mark_held({until, cause::gate, 0}, s.now), 1, s.now);
        return moved;
    }
    /// Opens the gate. Returns false if the store cannot, or failed.
    bool open_gate(step& s) {
        if constexpr (openable_store<Store>) {
            calls_.forget_gate();
            return call(s, [&](auto& where, const window_plan&) { s.store.open_gate(where); });
        }
        return false;
    }
    /// The key has other rules. Keeps the lock.
    void rules_changed() noexcept { leases_.set_rules(key_.rules); }
    void tune(step& s, multiplier m) {
        call(s, [&](auto& where, const window_plan&) { tuner_.tune(s.store, where, m); });
    }
    std::optional<tuner_state> learn(step& s, tuner_step how) {
        std::optional<tuner_state> out;
        call(s, [&](auto& where, const window_plan&) { out = tuner_.learn(s.store, where, how); });
        return out;
    }
    /// Changes what the store keeps of refusals by `how(refusal_pause&)`. Returns false if the store failed.
    template <class F>
    bool change_pause(step& s, F&& how) noexcept {
        refusal_pause pause;
        const auto learning = [&](const tuner_state& before) {
            tuner_state after = before;
            key_notes notes = before.notes != nullptr ? *before.notes : key_notes{};
            pause = refusal_pause{notes.refused};
            how(pause);
            if (notes.refused != pause.notes()) {
                notes.refused = pause.notes();
                after.notes = std::make_shared<const key_notes>(notes);
            }
            return after;
        };
        if (!learn(s, learning))
            return false;
        key_.change_pause([&](refusal_pause& p) { p = pause; });
        return true;
    }
    void erase(step& s, open_entries what) {
        end_leases(s);
        call(s, [&](auto& where, const window_plan&) { tuner_.erase(s.store, where, what); });
    }

    // ---- queries

    /// If the store fails, `error` gets its text, and the snapshot is empty.
    [[nodiscard]] key_snapshot read(step& s, std::string& error) {
        key_snapshot out;
        if (!call(s, [&](auto& where, const window_plan& plan) { out = s.store.read(where, plan, s.now); }))
            error = calls_.error();
        return out;
    }
    // The members below keep the lock.
    [[nodiscard]] multiplier factor() const noexcept { return factor_; }
    [[nodiscard]] bool is_idle(const Store& store, instant now) const {
        return store.idle(calls_.slot(), key_.plan(), now) && leases_.empty() && calls_.unsent_gate() <= now &&
               tuner_.is_idle(now) && outage_.is_idle(now);
    }
    /// When a lease is over by time alone.
    [[nodiscard]] instant next_lease_end() const noexcept { return leases_.next_end(); }
    /// The text of the last call that failed, once.
    [[nodiscard]] std::string take_error() noexcept { return calls_.take_error(); }

private:
    [[nodiscard]] assessment draw(step& s, std::int64_t cost, inflight_slot<step>& slot, entry& out) {
        if (!slot.take())
            return {s.now, cause::inflight, 0};
        leases_.draw(cost, s.now, out);
        slot.keep(cost);
        return {s.now, cause::none, 0};
    }

    /// Decides in the turn that was taken, and ends the turn: by the store, or without it as the policy says.
    template <class F, class Local>
    [[nodiscard]] assessment decide(step& s, std::int64_t cost, F&& verb, Local&& verb_local) {
        const store_failure mode = key_.rules->policy.on_store_error;
        if constexpr (presence_store<Store>)
            outage_.set_processes(s.store.alive());
        const assessment share = own_share(s, cost, mode);
        if (!share.admits() && !outage_.is_local()) {
            end_turn();
            return share;
        }
        if (outage_.holds_calls(s.now)) {
            end_turn();
            calls_.set_error(outage_.error());
        } else if (assessment f{}; call_in_turn(s, [&](auto& where, const window_plan& plan) {
                       // Without a share, the call only finds out whether the store is back.
                       if (!share.admits())
                           static_cast<void>(s.store.read(where, plan, s.now));
                       else
                           f = decide_as_of(s.now, where, plan, verb);
                   })) {
            outage_.end(s.now);
            if (!share.admits())
                return share;
            if (f.admits())
                outage_.admitted_after_return(mode, cost, s.now);
            known_.record(key_, f, cost, s.now);
            if (f.cause == cause::gate)
                leases_.close();  // the gate is newer than what was taken in advance
            return f;
        } else {
            const instant asked = std::exchange(s.now, s.store.after(s.now));
            if (calls_.was_busy())
                return store_outage::decide_busy(mode, calls_.unsent_gate(), known_.at(s.now), s.now);
            outage_.begin(asked, s.now, calls_.error());
        }
        const assessment f =
            outage_.decide(mode, key_.rules, factor_, calls_.unsent_gate(), known_.at(s.now), s.now, verb_local);
        if (f.admits())
            outage_.owe(cost, s.now);
        return f;
    }

    /// Decides by the plan, or, if that has windows which count from a time on, by the plan as of `now`.
    template <class Slot, class F>
    [[nodiscard]] static assessment decide_as_of(instant now, Slot& where, const window_plan& plan, F&& verb) {
        if (!plan.has_since()) [[likely]]
            return verb(where, plan);
        const window_plan present = plan.as_of(now);
        assessment f = verb(where, present);
        if (f.cause == cause::window && f.window < plan.windows.size())
            f.at = saturating_add(f.at, plan.windows[f.window].period - present.windows[f.window].period);
        return f;
    }
    /// Keeps the limits that other processes have recorded. They apply from the next call on.
    void adopt_limits(const key_notes& notes) noexcept {
        if (notes.limit_count() == 0 && key_.reported == nullptr)
            return;
        try {
            if (auto fresh = key_.adopt(notes.limits, factor_)) {
                key_.rules = std::move(fresh);
                leases_.set_rules(key_.rules);
            }
        } catch (const std::bad_alloc&) {
            // The next answer that reports limits tries again.
        }
    }

    /// What this process's share says while the store comes back. The turn ends if this throws.
    [[nodiscard]] assessment own_share(step& s, std::int64_t cost, store_failure mode) {
        try {
            return outage_.after_return(mode, key_.rules, factor_, cost, s.now);
        } catch (...) {
            end_turn();
            throw;
        }
    }
    /// Makes a call in the turn that was taken, and ends the turn. Returns whether it succeeded. Units that were
    /// admitted without the store are counted there first, from now on: late, and never early.
    template <class F>
    bool call_in_turn(step& s, F&& verb) noexcept {
        std::int64_t owed = outage_.take_owed(key_.plan(), s.now);
        const bool is_done = calls_.call_in_turn(s.store, [&](auto& where, const window_plan& plan) {
            if (owed > 0) [[unlikely]] {
                window_plan forced = plan;
                forced.enforce = false;
                static_cast<void>(count_units(s.store, where, forced, owed, s.now));
                owed = 0;
            }
            verb(where, plan);
        });
        if (owed > 0)
            outage_.owe(owed, s.now);
        adopt_factor(s.store);
        return is_done;
    }
    template <class F>
    bool call(step& s, F&& verb) noexcept {
        calls_.wait_for_turn();
        return call_in_turn(s, verb);
    }
    /// Makes the rules anew if another process has tuned the key. They apply from the next call on.
    void adopt_factor(const Store& store) noexcept {
        const multiplier m = tuner_.factor(store, calls_.slot());
        if (m == factor_)
            return;
        try {
            key_.rules = key_rules::make(key_.rules->policy, m, key_.rules->reported);
            factor_ = m;
            leases_.set_rules(key_.rules);
        } catch (const std::bad_alloc&) {
            // The next call tries again.
        }
    }

    key_core& key_;
    store_calls<Store> calls_;
    denial_cache known_;
    lease_book leases_;
    store_outage outage_;
    [[no_unique_address]] tuner_home<Store> tuner_;
    multiplier factor_;
};

}  // namespace weir::detail
