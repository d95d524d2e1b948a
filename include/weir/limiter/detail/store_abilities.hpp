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

/// Counts units without a permit: by one verb where the store has it, else they are admitted and settled at once.
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

/// Whether gates can be taken away by hand: of a store whose kind is chosen at run time it is known then.
template <class Store>
[[nodiscard]] bool opens_gates(const Store& store) noexcept {
    if constexpr (requires { store.is_openable(); })
        return store.is_openable();
    else
        return openable_store<Store>;
}

/// What the tuner keeps of a key: in the store where that can, else in this process.
///
/// **Thread safety.** The store's; what is kept here needs the key's lock.
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
    /// Whether forgetting what is kept here would change a decision.
    [[nodiscard]] bool is_idle(instant now) const noexcept {
        if constexpr (tunable_store<Store>)
            return true;
        else
            return own_.factor.is_one() || own_.recovered <= now;
    }

private:
    struct in_store {};
    [[no_unique_address]] std::conditional_t<tunable_store<Store>, in_store, tuner_state> own_;
};

}  // namespace weir::detail
