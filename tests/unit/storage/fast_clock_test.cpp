// SPDX-License-Identifier: MIT
#include "weir/storage/fast_clock.hpp"

#include "weir/core/clock.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace {

using weir::duration;
using weir::instant;

/// A machine whose counter and monotonic clock are moved by hand. Each reading takes some time too, as on a real one.
struct machine {
    static inline bool reliable = true;
    static inline double ticks = 0;
    static inline double ns = 0;
    static inline double ticks_per_ns = 2.6;
    static inline int counter_reads = 0;
    static inline int clock_reads = 0;

    static void reset() {
        reliable = true;
        ticks = 1e12;
        ns = 5e12;
        ticks_per_ns = 2.6;
        counter_reads = clock_reads = 0;
    }
    static void pass(double span) {
        ns += span;
        ticks += span * ticks_per_ns;
    }
};

struct counter {
    static bool is_reliable() noexcept { return machine::reliable; }
    template <bool>
    static std::uint64_t read() noexcept {
        ++machine::counter_reads;
        machine::pass(5);
        return static_cast<std::uint64_t>(machine::ticks);
    }
};

struct reference {
    static instant now() noexcept {
        ++machine::clock_reads;
        machine::pass(15);
        return instant{duration{static_cast<std::int64_t>(machine::ns)}};
    }
};

using tested = weir::detail::cycle_clock<counter, reference>;

/// How far a reading is from the machine's time, which passes while it is made: ahead of its end, or behind its begin.
template <class Clock>
double error(Clock& clock) {
    const double begin = std::floor(machine::ns);
    const auto now = static_cast<double>(clock.now().time_since_epoch().count());
    return now < begin ? now - begin : std::max(0.0, now - machine::ns);
}

/// Reads it for so long that it has measured the counter's rate twice.
void warm_up(tested& clock) {
    for (int i = 0; i < 40; ++i) {
        machine::pass(1e6);
        static_cast<void>(clock.now());
    }
    machine::pass(20'000);
    static_cast<void>(clock.now());
}

}  // namespace

TEST_CASE("fast_clock: a counter that is not promised is never read") {
    machine::reset();
    machine::reliable = false;
    tested clock;
    for (int i = 0; i < 100; ++i) {
        machine::pass(1e6);
        CHECK(error(clock) == 0);
    }
    CHECK(machine::counter_reads == 0);
    CHECK_FALSE(clock.counts());
}

TEST_CASE("fast_clock: the monotonic clock is read every 10 us only") {
    machine::reset();
    tested clock;
    warm_up(clock);
    CHECK(clock.counts());
    const int before = machine::clock_reads;
    for (int i = 0; i < 10'000; ++i) {
        machine::pass(95);  // 100 ns with the reading
        REQUIRE(std::abs(error(clock)) < 30);
    }
    const int reads = machine::clock_reads - before;
    CHECK(reads >= 95);
    CHECK(reads <= 105);
}

TEST_CASE("fast_clock: the monotonic clock is used until the counter's rate is known") {
    machine::reset();
    tested clock;
    for (int i = 0; i < 100; ++i) {
        machine::pass(90'000);
        const int before = machine::clock_reads;
        CHECK(std::abs(error(clock)) < 30);
        CHECK(machine::clock_reads > before);
    }
}

TEST_CASE("fast_clock: a suspension, in which only the counter runs, moves time by nothing") {
    machine::reset();
    tested clock;
    warm_up(clock);
    for (const double ticks : {1e9, 1e13, -1e9, -9e11}) {
        const auto before = clock.now();
        machine::ticks += ticks;
        for (int i = 0; i < 1'000; ++i) {
            machine::pass(50);
            REQUIRE(std::abs(error(clock)) <= 1'000);
        }
        CHECK(clock.now() > before);
        warm_up(clock);
        CHECK(clock.counts());
    }
}

TEST_CASE("fast_clock: a replaced monotonic clock is followed at once") {
    machine::reset();
    tested clock;
    warm_up(clock);
    machine::ns -= 3e12;
    machine::pass(20'000);
    for (int i = 0; i < 1'000; ++i) {
        machine::pass(50);
        REQUIRE(std::abs(error(clock)) <= 1'000);
    }
}

TEST_CASE("fast_clock: a counter that differs between two CPUs is given up") {
    machine::reset();
    tested clock;
    warm_up(clock);
    int off = 0;
    int i = 0;
    for (; i < 4'000'000 && clock.counts(); ++i) {
        machine::ticks += i % 2 == 0 ? 7'000 : -7'000;  // 2.7 us
        machine::pass(600);
        const double e = std::abs(error(clock));
        REQUIRE(e < 10'000);
        off += e > 1'000 ? 1 : 0;
    }
    CHECK(off < i / 1'000);
    CHECK_FALSE(clock.counts());
    machine::counter_reads = 0;
    machine::pass(5'000);
    for (int k = 0; k < 10; ++k) {
        machine::pass(100);
        CHECK(error(clock) == 0);
    }
    CHECK(machine::counter_reads == 0);
}

TEST_CASE("fast_clock: a monotonic clock that is a system call is not worth a counter") {
    machine::reset();
    struct slow_reference {
        static instant now() noexcept {
            machine::pass(500);
            return reference::now();
        }
    };
    weir::detail::cycle_clock<counter, slow_reference> clock;
    for (int i = 0; i < 40'000; ++i) {
        machine::pass(10'000);
        REQUIRE(std::abs(error(clock)) < 50);
    }
    machine::counter_reads = 0;
    static_cast<void>(clock.now());
    CHECK(machine::counter_reads <= 8);
}

TEST_CASE("fast_clock: within 1 us and never back, whatever the machine does") {
    const auto seed = weir_test::seed_for("fast_clock");
    weir_test::dice dice{seed};
    const int cases = weir_test::cases_or(40);
    for (int c = 0; c < cases; ++c) {
        machine::reset();
        machine::ticks_per_ns = static_cast<double>(dice.from(24, 5'000)) / 1'000;
        const double nominal = machine::ticks_per_ns;
        tested clock;
        auto before = clock.now();
        for (int i = 0; i < 20'000; ++i) {
            switch (dice.from(1, 1'000)) {
            case 1:
                machine::pass(static_cast<double>(dice.from(0, 3'000'000'000)));
                break;  // there is no reading for a while
            case 2:     // suspended: the counter goes on
                machine::ticks += static_cast<double>(dice.from(1'000'000, 1'000'000'000'000));
                break;
            case 3:  // suspended: the counter begins again
                machine::pass(1e6);
                static_cast<void>(clock.now());
                machine::ticks = static_cast<double>(dice.from(0, 1'000));
                break;
            case 4:
            case 5:  // the clock is slewed
                machine::ticks_per_ns = nominal * (1 + static_cast<double>(dice.from(-500, 500)) / 1e6);
                break;
            default:
                machine::pass(static_cast<double>(dice.from(0, dice.chance(50) ? 200 : 20'000)));
            }
            REQUIRE(std::abs(error(clock)) <= 1'000);
            const auto now = clock.now();
            REQUIRE(now >= before);
            before = now;
        }
    }
}

TEST_CASE("fast_clock: this machine's is within 1 us of steady_clock") {
    constexpr weir::fast_clock fast;
    constexpr weir::steady_clock steady;
    static_cast<void>(fast.now());
    std::int64_t exact = 0;
    std::int64_t off = 0;
    const instant end = steady.now() + std::chrono::milliseconds{300};
    for (instant began = steady.now(); began < end; began = steady.now()) {
        const instant low = steady.now();
        const instant now = fast.now();
        const instant high = steady.now();
        const bool is_off = now < low - std::chrono::microseconds{1} || now > high + std::chrono::microseconds{1};
        ++(is_off ? off : exact);
    }
    INFO("counts: " << weir::fast_clock::counts_cycles() << ", exact: " << exact << ", off: " << off);
    CHECK(off * 9'999 <= exact);
}
