// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/clock.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("sqlite clock: the wall clock is the system's, the other only goes on, and the boot has a name that stays") {
    const weir::sqlite::machine_clock clock;
    const auto system = std::chrono::system_clock::now().time_since_epoch();
    const auto wall = clock.wall().time_since_epoch();
    CHECK(wall - system < 5s);
    CHECK(system - wall < 5s);
    const auto before = clock.since_boot();
    CHECK(clock.since_boot() >= before);
    CHECK(before > weir::instant{});
    CHECK(clock.boot() == clock.boot());
}
