// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir identify`: from the logs of clients or servers, says which law a server enforces, and which policy obeys it.
/// Returns the exit code: 0 the law of each host and role is known, 2 the command or a log cannot be read, 3 of one it
/// cannot be told.
int identify(std::span<const char* const> args);

}  // namespace weir::tools
