// SPDX-License-Identifier: MIT
#include "weir/registry/wake_list.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using weir::instant;

namespace {
struct due_key : weir::woken {
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
    due_key a, b, c;
    CHECK(list.earliest() == weir::far_future);
    a.at = instant{5s}, b.at = instant{3s}, c.at = instant{4s};
    for (due_key* n : {&a, &b, &c})
        list.update(*n);
    CHECK(list.earliest() == instant{3s});
    CHECK(list.next_due<due_key>(instant{3s - 1ns}) == nullptr);
    a.at = instant{1s};
    list.update(a);
    CHECK(list.next_due<due_key>(instant{10s}) == &a);
    CHECK(a.pins == 1);
    CHECK(list.next_due<due_key>(instant{10s}) == &b);
    c.polled = false;
    list.update(c);
    CHECK(list.next_due<due_key>(instant{10s}) == nullptr);
    CHECK(list.earliest() == weir::far_future);
}

TEST_CASE("wake_list: of keys due at one instant, the one that had to wait first in its life comes first") {
    weir::wake_list list;
    due_key keys[3];
    const int order[]{2, 0, 1};
    for (const int i : order) {
        keys[i].at = instant{9s};
        list.update(keys[i]);
    }
    keys[2].at = instant{8s};
    list.update(keys[2]);
    for (due_key& n : keys) {
        n.at = instant{5s};
        list.update(n);
    }
    for (const int i : order)
        CHECK(list.next_due<due_key>(instant{5s}) == &keys[i]);
}
