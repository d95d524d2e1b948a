// SPDX-License-Identifier: MIT
#pragma once

/// Everything that needs the standard library and fmt alone. What needs more is under `weir/ext/`.

#include "weir/core/clock.hpp"
#include "weir/registry/registry.hpp"
