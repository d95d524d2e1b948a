// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/inflight_ceiling.hpp"

#include "weir/algorithm/admission.hpp"

#include <atomic>
#include <cstdint>

namespace weir::detail {

/// A place in flight, taken before the round trip and given back when the store denies.
///
/// **Thread safety.** One thread, which need not hold the key's lock.
class flight_place {
public:
    /// `freed` is set when a place comes free for which somebody starves; `in_turn` takes one for the head of `key`.
    flight_place(starving& key, inflight_ceiling& ceiling, std::atomic<bool>& freed, bool in_turn = false) noexcept
        : key_(key), ceiling_(ceiling), freed_(freed), in_turn_(in_turn) {}

    [[nodiscard]] bool take() { return taken_ = in_turn_ ? ceiling_.take_in_turn(key_) : ceiling_.try_take(); }
    void give_back() noexcept {
        taken_ = false;
        if (ceiling_.give_back())
            freed_.store(true, std::memory_order_relaxed);
    }
    /// What passed in spite of the ceiling is in flight all the same.
    void force(const forecast& f, std::int64_t cost) noexcept {
        if (f.passed && cost > 0 && !taken_)
            ceiling_.take();
    }

private:
    starving& key_;
    inflight_ceiling& ceiling_;
    std::atomic<bool>& freed_;
    bool in_turn_;
    bool taken_ = false;
};

}  // namespace weir::detail
