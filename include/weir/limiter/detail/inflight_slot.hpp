// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_core.hpp"

#include <cstdint>

namespace weir::detail {

/// An in-flight slot for a request that is decided at once.
struct any_inflight_slot {
    inflight_ceiling& ceiling;
    [[nodiscard]] bool take() const noexcept { return ceiling.try_take(); }
};

/// An in-flight slot for the head of the queue, in turn with other keys.
struct inflight_slot_in_turn {
    inflight_ceiling& ceiling;
    key_core& key;
    [[nodiscard]] bool take() const noexcept { return key.take_in_turn(ceiling); }
};

/// An in-flight slot that is taken before a decision, and given back if that is a denial.
template <class Step>
class inflight_slot {
public:
    inflight_slot(Step& s, key_core& key, bool in_turn) noexcept : step_(s), key_(key), in_turn_(in_turn) {}
    inflight_slot(const inflight_slot&) = delete;
    inflight_slot& operator=(const inflight_slot&) = delete;
    ~inflight_slot() {
        if (is_taken_ && step_.ceiling.give_back())
            step_.has_freed = true;
    }

    [[nodiscard]] bool take() noexcept {
        return is_taken_ = in_turn_ ? key_.take_in_turn(step_.ceiling) : step_.ceiling.try_take();
    }
    /// The request is in flight: the slot is its own. One that passed without a slot takes one all the same.
    void keep(std::int64_t cost) noexcept {
        if (!is_taken_ && cost > 0)
            step_.ceiling.take();
        is_taken_ = false;
    }

private:
    Step& step_;
    key_core& key_;
    bool in_turn_;
    bool is_taken_ = false;
};

}  // namespace weir::detail
