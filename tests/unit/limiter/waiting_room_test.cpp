// SPDX-License-Identifier: MIT
#include "weir/limiter/waiting_room.hpp"

#include "support/catch.hpp"

#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"

#include <type_traits>

static_assert(!std::is_copy_constructible_v<weir::waiting_room>, "lists point into it");

TEST_CASE("waiting_room: it is empty, in no list, and gives every list the owner of its key") {
    int owner = 0;
    const weir::waiting_room room{&owner};
    CHECK(room.queue.empty());
    CHECK(room.in_line.owner == &owner);
    CHECK(room.wake.owner == &owner);
    CHECK(room.wake.at == weir::far_future);
    CHECK_FALSE(room.wake.is_listed);
}

TEST_CASE("waiting_room: a key has none until a request waits for it, and then always the same") {
    int owner = 0;
    weir::key_core key{weir::key_rules::make({}, {}), &owner};
    CHECK(key.room == nullptr);
    key.make_room();
    REQUIRE(key.room != nullptr);
    const weir::waiting_room* made = key.room.get();
    CHECK(made->wake.owner == &owner);
    key.make_room();
    CHECK(key.room.get() == made);
}
