// SPDX-License-Identifier: MIT
#pragma once

#include <malloc.h>

#include <cstddef>

namespace weir_test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool heap_is_counted = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool heap_is_counted = false;
#else
inline constexpr bool heap_is_counted = true;
#endif
#else
inline constexpr bool heap_is_counted = true;
#endif

/// Bytes the C library's heap has handed out, its own overhead included.
inline std::size_t heap_bytes() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

}  // namespace weir_test
