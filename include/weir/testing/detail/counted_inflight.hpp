// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

namespace weir::testing::detail {

/// One place in flight that is there or not, and counts how often it is taken.
struct counted_inflight {
    bool free = true;
    int taken = 0;

    bool take() noexcept {
        taken += free;
        return free;
    }
};

}  // namespace weir::testing::detail
