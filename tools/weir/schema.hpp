// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace weir::tools {

/// `weir schema`: the JSON Schema of a configuration file, made from the tables that the loader checks by.
int schema(std::span<const char* const> args);

}  // namespace weir::tools
