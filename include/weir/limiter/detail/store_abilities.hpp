// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>
#include <type_traits>

namespace weir::detail {

/// Counts units without a permit: by one verb if the store has it, else by an admission that is settled at once.
template <class Store>
[[nodiscard, gnu::always_inline]] inline assessment
count_units(Store& store, typename Store::slot& slot, const window_plan& plan, std::int64_t cost, instant now) {
    if constexpr (counting_store<Store>) {
        return store.count(slot, plan, cost, now);
    } else {
        entry units;
        assessment f;
        if constexpr (Store::is_local)
            f = store.admit(slot, plan, cost, now, free_inflight{}, units);
        else
            f = store.admit(slot, plan, cost, now, units);
        if (f.admits())
            store.settle(slot, plan, units, settlement::released, now);
        return f;
    }
}

/// Whether units can be taken from the store in advance. The type tells it, but for a store whose kind is chosen at run
/// time, which says it.
template <class Store>
[[nodiscard]] bool lends_units(const Store& store) noexcept {
    if constexpr (!reducible_store<Store>)
        return false;
    else if constexpr (requires { store.is_reducible(); })
        return store.is_reducible();
    else
        return true;
}

/// Whether gates can be opened by hand. A store whose kind is chosen at run time says it.
template <class Store>
[[nodiscard]] bool opens_gates(const Store& store) noexcept {
    if constexpr (requires { store.is_openable(); })
        return store.is_openable();
    else
        return openable_store<Store>;
}

/// What the tuner keeps of a key: in the store if it is a `tunable_store`, else in this process. `any_store` is one in
/// any case: its slot keeps the state in this process if the store in it cannot.
///
/// **Thread safety.** The store's. State in this process needs the key's lock.
template <class Store>
class tuner_home {
    using slot = typename Store::slot;

public:
    void tune(Store& store, slot& where, multiplier m) {
        if constexpr (tunable_store<Store>)
            store.tune(where, m);
        else
            own_.factor = m;
    }
    tuner_state learn(Store& store, slot& where, tuner_step step) {
        if constexpr (tunable_store<Store>)
            return store.learn(where, step);
        else
            return own_ = step(own_);
    }
    [[nodiscard]] multiplier factor(const Store& store, const slot& where) const {
        if constexpr (tunable_store<Store>)
            return store.factor(where);
        else
            return own_.factor;
    }
    /// Erases the key in the store, and its state in this process.
    void erase(Store& store, slot& where, open_entries what = open_entries::keep) {
        if constexpr (requires { store.erase(where, what); })
            store.erase(where, what);
        else
            store.erase(where);
        if constexpr (!tunable_store<Store>)
            own_ = {};
    }
    /// Whether forgetting this state would change no decision. A factor that was set by hand does not recover.
    [[nodiscard]] bool is_idle(instant now) const noexcept {
        if constexpr (tunable_store<Store>)
            return true;
        else
            return own_.recovered == long_ago ? own_.factor.is_one() : own_.recovered <= now;
    }

private:
    struct in_store {};
    [[no_unique_address]] std::conditional_t<tunable_store<Store>, in_store, tuner_state> own_;
};

}  // namespace weir::detail
