// SPDX-License-Identifier: MIT
#include "weir/core/key_notes.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("key_notes: nothing is noted of a new key") {
    weir::key_notes notes;
    CHECK(notes.is_empty());
    CHECK(notes.limit_count() == 0);
    notes.refused.since = instant{1s};
    CHECK_FALSE(notes.is_empty());
}

TEST_CASE("key_notes: a limit is noted if it has a name") {
    weir::key_notes notes;
    notes.limits[0].of = 7;
    CHECK(notes.limit_count() == 1);
    CHECK_FALSE(notes.is_empty());
}
