// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/storage/store.hpp"

#include <cstddef>
#include <string>

namespace weir {

/// What `inspect` reports of a key.
struct key_report {
    weir::key key;
    weir::policy policy;
    key_snapshot state;       ///< use of every window, open, in flight, gate, multiplier
    std::size_t waiting = 0;  ///< requests in the queue
    bool is_paused = false;   ///< nothing is admitted until `resume`
    std::string error{};      ///< why the shared store could not be read: then `state` is empty; "" = it was read
};

}  // namespace weir
