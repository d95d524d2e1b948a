// SPDX-License-Identifier: MIT
#include "weir/storage/remote/back_off.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;

TEST_CASE("back-off: pauses double up to the longest, each less a random part of up to a half") {
    weir::remote::back_off b{10ms, 50ms};
    const weir::instant now{1h};
    CHECK(b.left(now) <= 0ns);
    for (const weir::duration pause : {10ms, 20ms, 40ms, 50ms, 50ms}) {
        b.failed(now, 0, "refused");
        CHECK(b.left(now) == pause);
    }
    CHECK(b.reason() == "refused");
    for (std::uint64_t random = 0; random < 100'000'000; random += 9'999'991) {
        b.failed(now, random, "refused");
        CHECK(b.left(now) >= 25ms);
        CHECK(b.left(now) <= 50ms);
    }
    b.succeeded();
    CHECK(b.left(now) <= 0ns);
    CHECK(b.reason().empty());
    b.failed(now, 0, "refused");
    CHECK(b.left(now) == 10ms);
}

TEST_CASE("back-off: while the server fails one attempt at a time is allowed, else any number") {
    weir::remote::back_off b{10ms, 50ms};
    const weir::instant now{1h};
    b.begin(now, 1s);
    CHECK(b.left(now) <= 0ns);
    b.failed(now, 0, "refused");
    b.begin(now + 10ms, 1s);
    CHECK(b.left(now + 10ms) == 1s);
}
