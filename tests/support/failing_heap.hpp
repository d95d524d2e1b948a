// SPDX-License-Identifier: MIT
#pragma once

// A heap that fails when a test says so. `support/main.cpp` replaces the program's `operator new`. ThreadSanitizer has
// its own, which cannot be replaced: a test that needs a failing heap begins with WEIR_NEEDS_FAILING_HEAP().

#if defined(__SANITIZE_THREAD__)
#define WEIR_FAILING_HEAP 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_FAILING_HEAP 0
#endif
#endif
#ifndef WEIR_FAILING_HEAP
#define WEIR_FAILING_HEAP 1
#endif

#define WEIR_NEEDS_FAILING_HEAP()                                                                                      \
    do {                                                                                                               \
        if (!WEIR_FAILING_HEAP)                                                                                        \
            WEIR_SKIP("this sanitizer has a heap of its own");                                                         \
    } while (false)

#include <cstddef>
#include <new>

namespace weir_test {

/// How many allocations of this thread still succeed; negative = all.
extern thread_local long allocations_left;

/// Runs `f` with the allocation after the first `count` failing; says whether it came to that.
template <class F>
bool fails_after(long count, F&& f) {
    struct restore {
        ~restore() { allocations_left = -1; }
    } const guard{};
    allocations_left = count;
    try {
        f();
    } catch (const std::bad_alloc&) {
        return true;
    }
    return false;
}

/// What a failing allocation did to a call.
enum class heap_failure {
    none,    ///< it made fewer allocations than that
    thrown,  ///< it threw `std::bad_alloc`
    hidden,  ///< it dealt with the failure itself
};

/// Runs `f` with the allocation after the first `count` failing, and all later ones succeeding.
template <class F>
heap_failure failure_after(long count, F&& f) {
    long left = 0;
    const bool has_thrown = fails_after(count, [&] {
        struct note_left {
            long& to;
            ~note_left() { to = allocations_left; }
        } const note{left};
        f();
    });
    return has_thrown ? heap_failure::thrown : left < 0 ? heap_failure::hidden : heap_failure::none;
}

}  // namespace weir_test
