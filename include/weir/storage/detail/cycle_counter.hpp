// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define WEIR_CYCLES_KNOW_SINGLE_THREADED 1
#else
#define WEIR_CYCLES_KNOW_SINGLE_THREADED 0
#endif

namespace weir::detail {

/// The CPU's own counter of time: the time-stamp counter on x86-64, the virtual count on AArch64.
struct cycle_counter {
    /// Whether CPU and kernel promise that the counter runs at one rate, never stops while the system runs, and is the
    /// same on all CPUs. The kernel checks exactly this while the counter is its clock source, so this function relies
    /// on the kernel. The other two clock sources of a virtual machine are computed from the counter too. Reads one
    /// file and keeps `errno`.
    [[nodiscard]] static bool is_reliable() noexcept {
#if defined(__x86_64__)
        unsigned a = 0, b = 0, c = 0, d = 0;
        constexpr unsigned invariant = 1U << 8;
        if (__get_cpuid(0x80000007U, &a, &b, &c, &d) == 0 || (d & invariant) == 0)
            return false;
        return kernel_uses({"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"});
#elif defined(__aarch64__)
        return kernel_uses({"arch_sys_counter"});
#else
        return false;
#endif
    }

    /// The count. `fenced`: read after everything that is earlier in program order. Without a fence x86-64 may read it
    /// a little earlier (measured: 60 ns). It is not read before a locked instruction, and so not before a lock was
    /// taken (0 of 45 million cases). A process that has never had a second thread needs no order.
    template <bool fenced>
    [[nodiscard, gnu::always_inline]] static std::uint64_t read() noexcept {
#if defined(__x86_64__)
        if constexpr (fenced) {
#if WEIR_CYCLES_KNOW_SINGLE_THREADED
            if (__libc_single_threaded == 0)
#endif
                __builtin_ia32_lfence();
        }
        return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
        std::uint64_t count = 0;
        asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
        return count;
#else
        return 0;
#endif
    }

private:
    [[nodiscard]] static bool kernel_uses(std::initializer_list<std::string_view> names) noexcept {
        const int kept = errno;
        std::array<char, 64> text{};
        std::size_t size = 0;
        const int file =
            ::open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            const auto got = ::read(file, text.data(), text.size());
            ::close(file);
            size = got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        errno = kept;
        std::string_view name{text.data(), size};
        if (name.ends_with('\n'))
            name.remove_suffix(1);
        return std::find(names.begin(), names.end(), name) != names.end();
    }
};

}  // namespace weir::detail
