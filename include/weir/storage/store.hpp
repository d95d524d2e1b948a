// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/entry.hpp"
#include "weir/storage/store_error.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>

namespace weir {

namespace detail {
/// An in-flight place that is always free.
struct free_inflight {
    [[nodiscard]] static bool take() noexcept { return true; }
    static void give_back() noexcept {}
};

template <class S>
concept store_queries = requires(const S& store, S& maker, const typename S::slot& slot, const window_plan& plan,
                                 instant now, std::string_view name) {
    // The limiter must know whether its own lock already makes a verb atomic.
    { S::is_local } -> std::convertible_to<bool>;
    // The store's own clock stamps everything, so that one timeline orders all who share the store.
    { store.now() } noexcept -> std::same_as<instant>;
    // What time it is once a verb that began at `now` has returned: a round trip takes time.
    { store.after(now) } noexcept -> std::same_as<instant>;
    // A key's state, or what this process keeps of one whose state is elsewhere.
    { maker.make_slot(name, name) } -> std::same_as<typename S::slot>;
    // Whether forgetting the slot would change no decision: only then is a key evicted.
    { store.idle(slot, plan, now) } -> std::same_as<bool>;
};

template <class S>
concept store_verbs =
    requires(S& store, typename S::slot& slot, const window_plan& plan, entry& e, instant now, settlement how) {
        // Stamps, ends or takes back an entry, because a window counts a request from its admission until its answer;
        // repeating a settlement changes nothing.
        store.settle(slot, plan, e, how, now);
        // Moves the gate, forward only, because a server's Retry-After holds all who share the key; says whether it
        // moved.
        { store.hold(slot, now) } -> std::same_as<bool>;
        // What the key remembers, for those who inspect it.
        { store.read(slot, plan, now) } -> std::same_as<key_snapshot>;
        // Forgets history, gate and what the tuner keeps; open entries are real requests and stay.
        store.erase(slot);
    };

// Decides and enters in one step, because a decision that others may overtake is none. `place.take()` is asked for the
// place in flight once all else allows the request; its refusal leaves everything as it was.
template <class S>
concept admits_here =
    requires(S& store, const S& same, typename S::slot& slot, const typename S::slot& seen, const window_plan& plan,
             std::int64_t cost, instant now, entry& e, free_inflight inflight) {
        { store.admit(slot, plan, cost, now, inflight, e) } -> std::same_as<assessment>;
        // What a local store knows costs nothing to ask: the queue's forecasts are made of it, with the waiters in
        // front as part of the sequence.
        { same.assess_behind(seen, plan, cost, now, none_ahead{}) } -> std::same_as<assessment>;
    };

// The same over a round trip: the limiter holds the place in flight before the call.
template <class S>
concept admits_elsewhere =
    requires(S& store, typename S::slot& slot, const window_plan& plan, std::int64_t cost, instant now, entry& e) {
        { store.admit(slot, plan, cost, now, e) } -> std::same_as<assessment>;
    };
}  // namespace detail

/// Where the logs live: five verbs, `admit`, `settle`, `hold`, `read` and `erase`. Each is one atomic step on one key:
/// it sees the old state and stores the new one, or nothing changed.
///
/// A local store's slots are state in this process, which the key's lock guards; `now` is read inside it. The verbs of
/// any other may block, and throw `store_error` when they fail. No two verbs are called at once on one slot, except
/// that `settle` and `reduce` may run beside anything. Instants are this process's; the store decides by its own clock,
/// and says in ours when to come back.
///
/// `admit` never says `cause::never` for a cost up to `plan.max_cost`: one that is above a window needs that window
/// empty. Under a plan that is not enforced everything is entered, and the forecast says what stood in the way.
template <class S>
concept store = detail::store_queries<S> && detail::store_verbs<S> &&
                ((S::is_local && detail::admits_here<S>) || (!S::is_local && detail::admits_elsewhere<S>));

/// A store that has one verb for units that nobody answers for. Others admit them and settle them at once.
template <class S>
concept counting_store =
    store<S> && requires(S& store, typename S::slot& slot, const window_plan& plan, std::int64_t cost, instant now) {
        // They count from `now` and hold no place: one round trip in place of two.
        { store.count(slot, plan, cost, now) } -> std::same_as<assessment>;
    };

/// A store that lends units in advance. The limiter takes no leases from others.
template <class S>
concept reducible_store = store<S> && requires(S& store, typename S::slot& slot, const window_plan& plan, entry& e,
                                               std::int64_t cost, instant now) {
    // Lowers an entry whose request has not ended to `cost`, at least 1: its other units never left the machine, and
    // others may have them.
    store.reduce(slot, plan, e, cost, now);
};

/// A store whose gates can be taken away by hand. With others a gate opens when its time has come, or with `erase`.
template <class S>
concept openable_store = store<S> && requires(S& store, typename S::slot& slot) {
    // Takes the key's gate away, where there is one; its history stays. Every later verb of any process finds none.
    store.open_gate(slot);
};

/// A store that keeps what the tuner learns, so that all who share a key share it. Beside others each process learns
/// for itself.
template <class S>
concept tunable_store = store<S> && requires(S& store, typename S::slot& slot, const typename S::slot& seen,
                                             multiplier m, tuner_step step) {
    // Sets the factor, for those who do not let it be learned.
    store.tune(slot, m);
    // Replaces what the tuner keeps by what `step` makes of it, and gives the new: two processes that learn at once
    // both do. A store elsewhere may ask `step` again, if another one was faster.
    { store.learn(slot, step) } -> std::same_as<tuner_state>;
    // The factor as of the slot's last verb: what a plan is made with must not cost a round trip.
    { store.factor(seen) } -> std::same_as<multiplier>;
};

}  // namespace weir
