// SPDX-License-Identifier: MIT
#pragma once

// A heap that fails when a test says so. It replaces the program's `operator new`: include it in one file of a program.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace weir_test {

/// How many allocations of this thread still succeed; negative = all.
inline thread_local long allocations_left = -1;

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

// Not inlined: the compiler would see `free` on the result of a `new`.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (weir_test::allocations_left >= 0 && weir_test::allocations_left-- == 0)
        throw std::bad_alloc{};
    if (void* p = std::malloc(size == 0 ? 1 : size))
        return p;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
    return operator new(size, none);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
