// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/single_flight.hpp"
#include "weir/limiter/key_core.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace weir::detail {

/// The calls to a shared store for one key. Each is made with the key's lock released. One is active at a time, except
/// for the verbs that may run beside others.
///
/// It keeps a gate that the store could not take, and sends it with the next call.
///
/// **Thread safety.** All members need the key's lock.
template <class Store>
class store_calls {
public:
    using slot_type = typename Store::slot;

    store_calls(key_core& key, slot_type slot) : key_(key), flight_(key.lock), slot_(std::move(slot)) {}

    // ---- turns

    [[nodiscard]] bool is_calling() const noexcept { return flight_.is_calling(); }
    /// Takes the turn to make a call. Returns false if it waited for another call: then the state may have changed.
    [[nodiscard]] bool take_turn() noexcept { return flight_.take(); }
    void wait_for_turn() noexcept { flight_.wait_and_take(); }
    /// Ends the turn without a call.
    void end_turn() noexcept { flight_.end(); }

    // ---- calls

    /// Makes the call `verb(slot, plan)` in the turn that was taken, and ends the turn. Returns whether it succeeded.
    template <class F>
    bool call_in_turn(Store& store, F&& verb) noexcept {
        const bool is_done = flight_.unlocked([&, unsent = unsent_gate_, rules = key_.rules] {
            if (unsent > store.now())
                static_cast<void>(store.hold(slot_, unsent));
            verb(slot_, rules->plan);
        });
        if (is_done)
            unsent_gate_ = long_ago;
        flight_.end();
        return is_done;
    }
    /// Makes a call without a turn, for a verb that may run beside others.
    template <class F>
    void call_beside(F&& verb) noexcept {
        flight_.unlocked([&, rules = key_.rules] { verb(slot_, rules->plan); });
    }

    // ---- the gate that was not sent

    [[nodiscard]] instant unsent_gate() const noexcept { return unsent_gate_; }
    /// Keeps a gate that the store could not take. Returns whether it is later than the one kept before.
    [[nodiscard]] bool keep_gate(instant until) noexcept {
        const bool is_later = until > unsent_gate_;
        unsent_gate_ = std::max(unsent_gate_, until);
        return is_later;
    }
    void forget_gate() noexcept { unsent_gate_ = long_ago; }

    // ---- state

    [[nodiscard]] const slot_type& slot() const noexcept { return slot_; }
    /// The text of the last call that failed, once.
    [[nodiscard]] std::string take_error() noexcept { return flight_.take_error(); }
    [[nodiscard]] const std::string& error() const noexcept { return flight_.error(); }
    /// Whether the last call failed because every connection of this process was in use.
    [[nodiscard]] bool was_busy() const noexcept { return flight_.was_busy(); }
    void set_error(std::string text) noexcept { flight_.set_error(std::move(text)); }

private:
    key_core& key_;
    single_flight flight_;
    slot_type slot_;
    instant unsent_gate_ = long_ago;
};

}  // namespace weir::detail
