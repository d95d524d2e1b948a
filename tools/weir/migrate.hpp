// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir migrate [--print] [--to VERSION] [rate flags]`: updates the format of a store, or takes it one version back.
///
/// Returns the exit code: 0, or 2 for a wrong call, configuration or store.
int migrate(std::span<const char* const> args);

}  // namespace weir::tools
