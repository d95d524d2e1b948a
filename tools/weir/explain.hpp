// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir explain`: each limit of a host, where it comes from and what it shadows.
///
/// The result is the exit code: 0, 1 when flags, variables or files have a fault, 2 for wrong arguments.
int explain(std::span<const char* const> args);

}  // namespace weir::tools
