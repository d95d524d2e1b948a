// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// One key of a shared store, as `listable_store` lists it.
struct stored_key {
    std::string host;  ///< canonical
    std::string role;
    /// The windows in effect at the last admission that changed them. Empty: this store does not keep them.
    std::vector<window> windows{};
    std::int64_t max_concurrent = 0;  ///< with the windows; 0 = no ceiling, or not known
    /// How long ago the oldest open entry was made; nothing if there is none, or if the store does not know it.
    std::optional<duration> oldest_open{};
};

}  // namespace weir
