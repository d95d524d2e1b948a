// SPDX-License-Identifier: MIT
#include "weir/storage/fast_clock.hpp"

#include "weir/core/clock.hpp"

#include "support/catch.hpp"
#include "support/sanitized.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;

/// A counter of 1 GHz that only the monotonic clock moves, so that every path is taken under a sanitizer too.
struct counter {
    static bool is_reliable() noexcept { return true; }
    template <bool>
    static std::uint64_t read() noexcept {
        return static_cast<std::uint64_t>(weir::steady_clock{}.now().time_since_epoch().count());
    }
};

struct clock_counts {
    std::atomic<std::int64_t> back{0};  // readings below one that was complete before they began
    std::atomic<std::int64_t> off{0};   // more than 1 us outside of the readings of steady_clock around them
    std::atomic<std::int64_t> compared{0};
};

/// Four threads on two cores or more read `now` and compare it with the latest that any of them has seen.
void race(const std::function<instant()>& now, std::chrono::milliseconds span, clock_counts& out) {
    std::atomic<std::int64_t> latest{0};
    const instant end = weir::steady_clock{}.now() + span;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            std::int64_t back = 0;
            std::int64_t off = 0;
            std::int64_t compared = 0;
            for (instant low; (low = weir::steady_clock{}.now()) < end; ++compared) {
                // Acquire pairs with the release below: that reading was complete.
                std::int64_t seen = latest.load(std::memory_order_acquire);
                const instant time = now();
                const instant high = weir::steady_clock{}.now();
                const std::int64_t ns = time.time_since_epoch().count();
                back += ns < seen ? 1 : 0;
                off += time < low - 1us || time > high + 1us ? 1 : 0;
                while (seen < ns && !latest.compare_exchange_weak(seen, ns, std::memory_order_release)) {
                }
            }
            out.back += back;
            out.off += off;
            out.compared += compared;
        });
    for (std::thread& t : threads)
        t.join();
}

}  // namespace

TEST_CASE("fast_clock: no thread sees it go back or more than 1 us off the monotonic clock") {
    clock_counts c;
    race([] { return weir::fast_clock{}.now(); }, weir_test::sanitized ? 2s : 1s, c);
    INFO("clock_counts: " << weir::fast_clock::counts_cycles() << ", readings: " << c.compared << ", off: " << c.off);
    CHECK(c.back == 0);
    CHECK(c.off * 10'000 <= c.compared);
}

TEST_CASE("fast_clock: threads that replace its anchor at once see one line of time") {
    static weir::detail::cycle_clock<counter, weir::steady_clock> clock;
    clock_counts c;
    race([] { return clock.now(); }, weir_test::sanitized ? 2s : 1s, c);
    INFO("readings: " << c.compared << ", off: " << c.off);
    CHECK(c.back == 0);
    CHECK(c.off * 10'000 <= c.compared);
}
