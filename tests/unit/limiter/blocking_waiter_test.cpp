// SPDX-License-Identifier: MIT
#include "weir/limiter/blocking_waiter.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

TEST_CASE("blocking_waiter: a completion before the sleep ends the sleep at once") {
    weir::blocking_waiter w;
    CHECK_FALSE(w.is_polled());
    w.wake_earlier();
    CHECK_FALSE(w.sleep(1h));
    w.completed();
    CHECK(w.sleep(weir::far_future - weir::long_ago));
    w.sleep_until_completed();
    CHECK(w.sleep(-1h));
}

TEST_CASE("blocking_waiter: another thread ends the sleep") {
    weir::blocking_waiter w;
    const std::jthread other{[&] { w.completed(); }};
    CHECK(w.sleep(1h));
}
