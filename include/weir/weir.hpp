// SPDX-License-Identifier: MIT
#pragma once

/// Everything for a program that writes its policies in C++ and keeps its logs in memory: the registry, all layers
/// below it, and HTTP. It needs only the standard library and fmt.
///
/// Not included, because it would double the compile time: reading configuration (`weir/config/resolve.hpp` and the
/// sources beside it), `weir/registry/open_store.hpp`, `weir/observe/json_lines.hpp`. Headers that need another library
/// are under `weir/ext/`, headers for tests under `weir/testing/`.

#include "weir/core/clock.hpp"
#include "weir/core/version.hpp"
#include "weir/http/limited.hpp"
#include "weir/http/redirecting.hpp"
#include "weir/registry/limits.hpp"
#include "weir/registry/registry.hpp"
