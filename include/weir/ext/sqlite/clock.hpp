// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <time.h>

#include <chrono>
#include <concepts>
#include <fstream>
#include <string>

namespace weir::sqlite {

/// The machine's clocks that the SQLite store needs.
template <class C>
concept clock_set = requires(const C& clock) {
    // The file's time starts from this clock. It may step.
    { clock.wall() } noexcept -> std::same_as<instant>;
    // The file's time runs with this clock: the same in every process of the machine, never set, and it counts sleep.
    { clock.since_boot() } noexcept -> std::same_as<instant>;
    // An id of the machine's present boot, because `since_boot` is valid only during one; empty if unknown.
    { clock.boot() } -> std::same_as<std::string>;
};

/// The clocks of the machine itself.
///
/// **Thread safety.** Stateless.
struct machine_clock {
    [[nodiscard]] instant wall() const noexcept { return read(CLOCK_REALTIME); }
    [[nodiscard]] instant since_boot() const noexcept {
#ifdef CLOCK_BOOTTIME
        return read(CLOCK_BOOTTIME);
#else
        return read(CLOCK_MONOTONIC);
#endif
    }
    [[nodiscard]] std::string boot() const {
        std::string id;
        std::ifstream{"/proc/sys/kernel/random/boot_id"} >> id;
        return id;
    }

private:
    static instant read(clockid_t which) noexcept {
        timespec t{};
        ::clock_gettime(which, &t);
        return instant{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
    }
};

static_assert(clock_set<machine_clock>);

}  // namespace weir::sqlite
