// SPDX-License-Identifier: MIT
#include "weir/limiter/inflight_ceiling.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <thread>

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
    CHECK(c.is_full());
    CHECK_FALSE(c.try_take());
    c.limit(0);  // no ceiling
    CHECK_FALSE(c.is_full());
}

TEST_CASE("inflight_ceiling: keys that wait are served in the order in which they came, one at a time") {
    weir::inflight_ceiling c{1};
    weir::ceiling_waiter x, y;
    REQUIRE(c.try_take());
    CHECK(c.take_in_turn(x).references == 1);
    CHECK(c.take_in_turn(x).references == 0);  // it stands there already
    CHECK(c.take_in_turn(y).references == 1);
    CHECK(c.next_turn() == nullptr);
    CHECK(c.give_back());
    CHECK_FALSE(c.take_in_turn(y).is_taken);  // the slot is x's
    REQUIRE(c.next_turn() == &x);
    CHECK(c.next_turn() == nullptr);  // one turn at a time
    const auto got = c.take_in_turn(x);
    CHECK(got.is_taken);
    CHECK(got.references == 0);  // the turn has the reference
    c.end_turn(x, false);
    CHECK(c.take_in_turn(x).references == 1);  // once more: behind y
    CHECK(c.give_back());
    REQUIRE(c.next_turn() == &y);
    c.end_turn(y, true);  // it was served in vain, and keeps its place
    REQUIRE(c.next_turn() == &y);
    c.end_turn(y, false);
    const auto first = c.take_in_turn(x);
    CHECK(first.is_taken);
    CHECK(first.references == -1);
    CHECK(c.next_turn() == nullptr);
    CHECK_FALSE(c.give_back());
}

TEST_CASE("inflight_ceiling: a withdrawn key leaves the line") {
    weir::inflight_ceiling c{1};
    weir::ceiling_waiter x, y;
    REQUIRE(c.try_take());
    REQUIRE(c.take_in_turn(x).references == 1);
    REQUIRE(c.take_in_turn(y).references == 1);
    CHECK(c.withdraw(x));
    CHECK_FALSE(c.withdraw(x));
    CHECK(c.give_back());
    CHECK(c.next_turn() == &y);
    c.end_turn(y, false);
}

TEST_CASE("inflight_ceiling: waiting for the end of all requests ends with the last one, or with its time") {
    weir::inflight_ceiling c{2};
    CHECK(c.wait_until_empty(std::chrono::seconds{0}));
    REQUIRE(c.try_take());
    CHECK_FALSE(c.wait_until_empty(std::chrono::milliseconds{1}));
    bool is_in_order = true;
    std::thread other{[&] {
        if (c.give_back())
            is_in_order = c.next_turn() == nullptr;
    }};
    CHECK(c.wait_until_empty(std::chrono::hours{1}));
    other.join();
    CHECK(is_in_order);
}

TEST_CASE("inflight_ceiling: a slot taken in spite of the ceiling counts until it is given back") {
    weir::inflight_ceiling c{1};
    REQUIRE(c.try_take());
    c.take();
    CHECK(c.taken() == 2);
    CHECK_FALSE(c.give_back());
    CHECK_FALSE(c.try_take());
    CHECK_FALSE(c.give_back());
    CHECK(c.try_take());
}
