// SPDX-License-Identifier: MIT
#pragma once

// Catch2, version 2 or 3, whichever the system has.
//
// WEIR_SKIP("why") ends a test case that cannot run here and counts it as skipped. Catch2 3 has SKIP(); version 2 has
// no such thing, so main.cpp counts for it.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define WEIR_SKIP(why) SKIP(why)
#else
#include <catch2/catch.hpp>

namespace weir_test {
inline int skipped_cases = 0;
}

// `Approx` and the matchers lie in the namespace Catch in version 3 and in the global one as well in version 2; write
// `Catch::Approx` to please both.
#define WEIR_SKIP(why)                                                                                                 \
    do {                                                                                                               \
        ++weir_test::skipped_cases;                                                                                    \
        WARN("skipped: " << (why));                                                                                    \
        return;                                                                                                        \
    } while (false)
#endif
