// SPDX-License-Identifier: MIT
#include "weir/registry/wake_list.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using weir::instant;

namespace {
struct node : weir::woken {
    bool is_polled() const { return polled; }
    instant next_wake() const { return at; }
    void pin() { ++pins; }
    bool polled = true;
    instant at = weir::far_future;
    int pins = 0;
};
}  // namespace

TEST_CASE("wake_list: keys come out by their time, pinned, and move when it does") {
    weir::wake_list list;
    node a, b, c;
    CHECK(list.earliest() == weir::far_future);
    a.at = instant{5s}, b.at = instant{3s}, c.at = instant{4s};
    for (node* n : {&a, &b, &c})
        list.update(*n);
    CHECK(list.earliest() == instant{3s});
    CHECK(list.next_due<node>(instant{3s - 1ns}) == nullptr);
    a.at = instant{1s};
    list.update(a);
    CHECK(list.next_due<node>(instant{10s}) == &a);
    CHECK(a.pins == 1);
    CHECK(list.next_due<node>(instant{10s}) == &b);
    c.polled = false;
    list.update(c);
    CHECK(list.next_due<node>(instant{10s}) == nullptr);
    CHECK(list.earliest() == weir::far_future);
}
