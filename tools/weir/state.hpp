// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir state VERB [rate flags] [HOST [ROLE]]`: looks at a live shared store, and resets or opens its keys.
///
/// Returns the exit code: 0, 1 if nothing was found, 2 for a wrong call, configuration or store.
int state(std::span<const char* const> args);

}  // namespace weir::tools
