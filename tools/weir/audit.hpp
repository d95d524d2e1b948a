// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir audit LOG... --rate ROLE=RATES`: judges a server's arrival log, with nothing of the limiter's own code.
///
/// `args` are the words after `audit`. Returns the exit code: 0 no window over its limit, 1 some are, 2 the command or
/// a log cannot be read.
int audit(std::span<const char* const> args);

}  // namespace weir::tools
