// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/entry.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/stored_key.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir {

namespace detail {
/// An in-flight slot that is always free.
struct free_inflight {
    [[nodiscard]] static bool take() noexcept { return true; }
    static void give_back() noexcept {}
};

template <class S>
concept store_queries = requires(const S& store, S& maker, const typename S::slot& slot, const window_plan& plan,
                                 instant now, std::string_view name) {
    // The limiter must know whether its own lock already makes a verb atomic.
    { S::is_local } -> std::convertible_to<bool>;
    // The store's own clock stamps everything, so that all processes that share the store have one timeline.
    { store.now() } noexcept -> std::same_as<instant>;
    // The time when a verb that began at `now` has returned: a round trip takes time.
    { store.after(now) } noexcept -> std::same_as<instant>;
    // A key's state, or the part of it that is in this process if the state is elsewhere.
    { maker.make_slot(name, name) } -> std::same_as<typename S::slot>;
    // Whether forgetting the slot would change no decision. Only then is a key evicted.
    { store.idle(slot, plan, now) } -> std::same_as<bool>;
};

template <class S>
concept store_verbs =
    requires(S& store, typename S::slot& slot, const window_plan& plan, entry& e, instant now, settlement how) {
        // Stamps, ends or removes an entry, because a window counts a request from its admission until its answer. A
        // second settlement changes nothing.
        store.settle(slot, plan, e, how, now);
        // Moves the gate, only forward, because a server's Retry-After stops all processes that share the key. Returns
        // whether it moved.
        { store.hold(slot, now) } -> std::same_as<bool>;
        // The state of the key, for callers that inspect it.
        { store.read(slot, plan, now) } -> std::same_as<key_snapshot>;
        // Forgets history, gate and the tuner's state. Open entries are real requests and stay.
        store.erase(slot);
    };

// Decides and records in one step, because a separate decision may be out of date when it is recorded.
// `inflight.take()` is called for the in-flight slot when everything else admits the request. If it returns false,
// nothing changes.
template <class S>
concept admits_here =
    requires(S& store, const S& same, typename S::slot& slot, const typename S::slot& seen, const window_plan& plan,
             std::int64_t cost, instant now, entry& e, free_inflight inflight) {
        { store.admit(slot, plan, cost, now, inflight, e) } -> std::same_as<assessment>;
        // Reading a local store costs nothing. The queue's assessments use this, with the waiters ahead as part of the
        // sequence of units.
        { same.assess_behind(seen, plan, cost, now, none_ahead{}) } -> std::same_as<assessment>;
    };

// The same over a round trip: the limiter takes the in-flight slot before the call.
template <class S>
concept admits_elsewhere =
    requires(S& store, typename S::slot& slot, const window_plan& plan, std::int64_t cost, instant now, entry& e) {
        { store.admit(slot, plan, cost, now, e) } -> std::same_as<assessment>;
    };
}  // namespace detail

/// Where the logs are kept. There are five verbs: `admit`, `settle`, `hold`, `read` and `erase`. Each is one atomic
/// step on one key: it sees the old state and stores the new state, or nothing changes.
///
/// The slots of a local store are state in this process. The key's lock guards them, and `now` is read under that lock.
/// The verbs of every other store may block, and they throw `store_error` if they fail. Two verbs are never called at
/// once on one slot, except that `settle` and `reduce` may run during any verb. Instants are this process's. The store
/// decides by its own clock, and converts the instants of its answers to this process's.
///
/// `admit` never answers `cause::never` for a cost up to `plan.max_cost`: if the cost is above a window, that window
/// must be empty. Under a plan that is not enforced every request is recorded, and the assessment says what stood in
/// the way.
template <class S>
concept store = detail::store_queries<S> && detail::store_verbs<S> &&
                ((S::is_local && detail::admits_here<S>) || (!S::is_local && detail::admits_elsewhere<S>));

/// A store that has one verb for units without a permit. With other stores they are admitted and settled at once.
template <class S>
concept counting_store =
    store<S> && requires(S& store, typename S::slot& slot, const window_plan& plan, std::int64_t cost, instant now) {
        // The units count from `now` and have no in-flight slot. This needs one round trip instead of two.
        { store.count(slot, plan, cost, now) } -> std::same_as<assessment>;
    };

/// A store that lends units in advance. With other stores the limiter takes no leases.
template <class S>
concept reducible_store = store<S> && requires(S& store, typename S::slot& slot, const window_plan& plan, entry& e,
                                               std::int64_t cost, instant now) {
    // Lowers an entry whose request has not ended to `cost`, at least 1. Its other units never left the machine, so
    // other processes may use them.
    store.reduce(slot, plan, e, cost, now);
};

/// A store whose gates can be opened by hand. With other stores a gate opens at its time, or with `erase`.
template <class S>
concept openable_store = store<S> && requires(S& store, typename S::slot& slot) {
    // Removes the key's gate if there is one; its history stays. Every later verb of any process finds no gate.
    store.open_gate(slot);
};

/// A store that knows the processes that use it. With other stores a process that dies keeps its entries until they
/// expire.
template <class S>
concept presence_store = store<S> && requires(S& store, const S& seen) {
    // When this process must give its next sign of life. Verbs give one by themselves, because then it costs no round
    // trip. `renew` gives one if it is due, for a process that makes no call.
    { seen.next_renewal() } noexcept -> std::same_as<instant>;
    store.renew();
    // How many holders lived at the last sign of life, with this one; 0 = not known.
    { seen.alive() } noexcept -> std::same_as<std::int64_t>;
    { store.holders() } -> std::same_as<std::vector<holder_info>>;
};

/// A store that can list its keys, for operators. With other stores only keys that a program names can be seen.
template <class S>
concept listable_store = store<S> && requires(S& store) {
    // All keys of all processes, in any order, while programs use them. A key that is made or forgotten during the call
    // may be there or not. Nothing changes.
    { store.keys() } -> std::same_as<std::vector<stored_key>>;
};

/// A store that keeps the tuner's state, so that all processes that share a key share it. With other stores each
/// process has its own.
template <class S>
concept tunable_store = store<S> && requires(S& store, typename S::slot& slot, const typename S::slot& seen,
                                             multiplier m, tuner_step step) {
    // Sets the factor, for callers that set it by hand.
    store.tune(slot, m);
    // Replaces the tuner's state by the result of `step`, and returns the new state. If two processes do this at once,
    // both have an effect. A store outside this process may call `step` again if another process was faster.
    { store.learn(slot, step) } -> std::same_as<tuner_state>;
    // The factor as of the slot's last verb. A plan is made with it, which must not cost a round trip.
    { store.factor(seen) } -> std::same_as<multiplier>;
};

}  // namespace weir
