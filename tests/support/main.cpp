// SPDX-License-Identifier: MIT

// One main for every Catch2 program, for two reasons. Version 2 and 3 disagree about exit codes, and 3 uses 4 both for
// "all skipped" and for "four assertions failed": here 0 is passed, 1 failed, 77 all skipped. And the totals are
// printed on a line of their own, which `./dev test` adds up.

#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "support/catch.hpp"
#include "support/failing_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <new>

namespace {

struct {
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t skipped = 0;
} counts;

#if __has_include(<catch2/catch_all.hpp>)
using listener_base = Catch::EventListenerBase;
#else
using listener_base = Catch::TestEventListenerBase;
#endif

class totals_listener : public listener_base {
public:
    using listener_base::listener_base;

    void testRunEnded(Catch::TestRunStats const& stats) override {
        auto const& cases = stats.totals.testCases;
        counts.passed = cases.passed + cases.failedButOk;
        counts.failed = cases.failed;
#if __has_include(<catch2/catch_all.hpp>)
        counts.skipped = cases.skipped;
#else
        // A skipped case returned early and was taken for a passed one.
        counts.skipped = static_cast<std::uint64_t>(weir_test::skipped_cases);
        counts.passed -= counts.skipped < counts.passed ? counts.skipped : counts.passed;
#endif
    }
};

CATCH_REGISTER_LISTENER(totals_listener)

}  // namespace

thread_local long weir_test::allocations_left = -1;

#if WEIR_FAILING_HEAP
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
#endif

int main(int argc, char* argv[]) {
    Catch::Session session;
    if (int const status = session.applyCommandLine(argc, argv); status != 0) {
        return 2;
    }
    int const status = session.run();
    if (counts.passed + counts.failed + counts.skipped == 0) {
        return status != 0 ? 1 : 0;  // --help, --list-tests; or a filter that matched nothing
    }
    std::cout << "weir-tests: " << counts.passed << " passed, " << counts.failed << " failed, " << counts.skipped
              << " skipped" << std::endl;
    if (status != 0 && counts.failed > 0) {
        return 1;
    }
    return counts.passed == 0 && counts.skipped > 0 ? 77 : 0;
}
