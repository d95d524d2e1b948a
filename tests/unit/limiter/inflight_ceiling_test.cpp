// SPDX-License-Identifier: MIT
#include "weir/limiter/inflight_ceiling.hpp"

#include "support/catch.hpp"

namespace {
struct queue : weir::starving {};
}  // namespace

TEST_CASE("inflight_ceiling: no more than the limit at once, and 0 is no limit") {
    weir::inflight_ceiling c{2};
    CHECK(c.try_take());
    CHECK(c.try_take());
    CHECK_FALSE(c.try_take());
    CHECK_FALSE(c.give_back());
    CHECK(c.try_take());
    CHECK(c.taken() == 2);
    c.limit(0);
    CHECK(c.try_take());
    c.limit(1);  // what was taken before stays taken
    CHECK(c.taken() == 3);
    CHECK_FALSE(c.try_take());
}

TEST_CASE("inflight_ceiling: the starving are served in the order they came, one place at a time") {
    weir::inflight_ceiling c{1};
    queue a, b;
    REQUIRE(c.try_take());
    CHECK_FALSE(c.take_in_turn(a));
    CHECK_FALSE(c.take_in_turn(b));
    CHECK(c.next_starving() == nullptr);
    CHECK(c.give_back());
    CHECK_FALSE(c.take_in_turn(b));  // the place is a's
    REQUIRE(c.next_starving() == &a);
    CHECK(a.is_pinned());
    a.unpin();
    CHECK(c.take_in_turn(a));
    CHECK_FALSE(c.take_in_turn(a));  // once more: behind b
    CHECK(c.give_back());
    REQUIRE(c.next_starving() == &b);
    b.unpin();
    c.no_longer_starving(b);
    REQUIRE(c.next_starving() == &a);
    a.unpin();
    CHECK(c.take_in_turn(a));
    CHECK(c.next_starving() == nullptr);
    CHECK_FALSE(c.give_back());
}

TEST_CASE("inflight_ceiling: a place taken in spite of the ceiling counts until it is given back") {
    weir::inflight_ceiling c{1};
    REQUIRE(c.try_take());
    c.take();
    CHECK(c.taken() == 2);
    CHECK_FALSE(c.give_back());
    CHECK_FALSE(c.try_take());
    CHECK_FALSE(c.give_back());
    CHECK(c.try_take());
}
