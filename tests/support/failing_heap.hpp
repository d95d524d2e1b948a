// SPDX-License-Identifier: MIT
#pragma once

// A heap that fails when a test says so. `support/main.cpp` replaces the program's `operator new`.

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

}  // namespace weir_test
