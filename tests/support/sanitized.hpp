// SPDX-License-Identifier: MIT
#pragma once

namespace weir_test {

/// Whether a sanitizer slows the program and has replaced its heap.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace weir_test
