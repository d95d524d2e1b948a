// SPDX-License-Identifier: MIT
#pragma once

#include "support/sanitized.hpp"

#include <malloc.h>

#include <cstddef>

namespace weir_test {

inline constexpr bool heap_is_counted = !sanitized;

/// Bytes the C library's heap has handed out, its own overhead included.
inline std::size_t heap_bytes() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

}  // namespace weir_test
