// SPDX-License-Identifier: MIT
#pragma once

/// What a program needs that takes its policies in C++ and keeps its logs in memory: `limits` and the registry with all
/// below them, and HTTP. It needs the standard library and fmt alone.
///
/// Not included, because it would double the time to compile: reading configuration (`weir/config/resolve.hpp` and the
/// sources beside it), `weir/registry/open_store.hpp`, `weir/limiter/json_lines.hpp`. What needs another library is
/// under `weir/ext/`, what tests need under `weir/testing/`.

#include "weir/core/clock.hpp"
#include "weir/http/limited.hpp"
#include "weir/http/redirecting.hpp"
#include "weir/registry/limits.hpp"
#include "weir/registry/registry.hpp"
