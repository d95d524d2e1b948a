// SPDX-License-Identifier: MIT
#pragma once

// A compiler in an older mode would print hundreds of errors about concepts. This one comes first and says what to do.
#if __cplusplus < 202002L
#error "weir needs C++20. Compile with -std=c++20 or newer; in CMake link weir::weir, which asks for it."
#endif
#if !defined(__cpp_exceptions)
#error "weir needs exceptions. Compile without -fno-exceptions."
#endif

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

/// The version as one number for `#if`: 0.1.0 is 100, 1.2.3 is 10203.
#define WEIR_VERSION (WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH)

namespace weir {

/// The version as text, for `--version` and for User-Agent fields.
inline constexpr char version[] = "0.1.0";

}  // namespace weir
