// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <optional>

namespace weir {

/// What a response says about the limit, already freed from HTTP's spelling. Handed to `permit::arrived`.
struct feedback {
    /// The HTTP status; 0 = unknown.
    int status = 0;
    /// How long the server asked us to stay away, from the moment its response arrived; absent = it did not say.
    std::optional<duration> retry_after{};
};

}  // namespace weir
