// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// Plays a workload against server models in virtual time, through the library's own code. 0: done; 1: it cannot be
/// done; 2: the command line is wrong.
int simulate(std::span<const char* const> args);

}  // namespace weir::tools
