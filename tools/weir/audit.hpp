// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir audit LOG... --rate ROLE=RATES`: judges our own logs and a server's, with nothing of the limiter's own code.
///
/// `args` are the words after `audit`. Returns the exit code: 0 no window over its limit, 1 some are, 2 the command or
/// a log cannot be read, 3 a log's stamps are too coarse to tell.
int audit(std::span<const char* const> args);

}  // namespace weir::tools
