// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir replay [rate flags] FILE|-`: runs a trace through the production code on a virtual clock, and prints what
/// happened.
///
/// Returns the exit code: 0, 1 for a bad trace or configuration, 2 for a wrong call.
int replay(std::span<const char* const> args);

}  // namespace weir::tools
