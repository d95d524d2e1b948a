// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/wait_queue.hpp"

#include "weir/core/time.hpp"

#include <cstddef>
#include <cstdint>

namespace weir {

/// A key in the registry's wake list.
struct wake_entry {
    explicit wake_entry(void* key_owner = nullptr) noexcept : owner(key_owner) {}

    void* owner;              ///< the object that the key belongs to
    instant at = far_future;  ///< when it is due; the key's lock guards it
    std::uint64_t turn = 0;   ///< its order among keys due at the same instant; 0 = never listed
    // The list's lock guards the members below.
    std::size_t position = 0;
    bool is_listed = false;
};

/// The part of a key that exists only after a request has waited for it, so that other keys stay small.
struct waiting_room {
    explicit waiting_room(void* key_owner) noexcept : in_line(key_owner), wake(key_owner) {}

    wait_queue queue;
    ceiling_waiter in_line;  ///< while the first waiter lacks only an in-flight slot
    wake_entry wake;
};

}  // namespace weir
