// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir check`: says of each configuration file that it is right, or everything that is wrong with it.
///
/// Each file is checked by itself. The result is the exit code: 0, 1 when a file has a fault, 2 for wrong arguments.
int check(std::span<const char* const> args);

}  // namespace weir::tools
