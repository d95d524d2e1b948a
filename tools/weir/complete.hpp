// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir completion`: the script that completes this command in a shell.
int complete(std::span<const char* const> args);

}  // namespace weir::tools
