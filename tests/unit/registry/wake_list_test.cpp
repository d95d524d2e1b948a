// SPDX-License-Identifier: MIT
#include "weir/registry/wake_list.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("wake_list: keys come out by their time, and move when it does") {
    weir::wake_list list;
    weir::wake_entry a, b, c;
    CHECK(list.earliest() == weir::far_future);
    CHECK(list.set(a, instant{5s}).references == 1);
    CHECK(list.set(b, instant{3s}).references == 1);
    CHECK(list.set(c, instant{4s}).references == 1);
    CHECK(list.earliest() == instant{3s});
    CHECK(list.next_due(instant{3s - 1ns}) == nullptr);
    CHECK(list.set(a, instant{1s}).references == 0);
    CHECK(list.next_due(instant{10s}) == &a);
    CHECK(list.next_due(instant{10s}) == &b);
    CHECK(list.set(c, weir::far_future).references == -1);
    CHECK(list.next_due(instant{10s}) == nullptr);
    CHECK(list.earliest() == weir::far_future);
}

TEST_CASE("wake_list: a time before the announced one is reported as earlier, once") {
    weir::wake_list list;
    weir::wake_entry a, b;
    CHECK(list.set(a, instant{5s}).is_earlier);
    CHECK_FALSE(list.set(b, instant{6s}).is_earlier);
    CHECK_FALSE(list.set(a, instant{7s}).is_earlier);
    CHECK(list.announce() == instant{6s});
    CHECK(list.set(a, instant{6s - 1ns}).is_earlier);
    CHECK_FALSE(list.set(a, instant{6s - 1ns}).is_earlier);
    CHECK(list.set(b, weir::far_future).references == -1);
}

TEST_CASE("wake_list: of keys due at one instant, the one that was listed first comes first") {
    weir::wake_list list;
    weir::wake_entry keys[3];
    const int order[]{2, 0, 1};
    for (const int i : order)
        (void)list.set(keys[i], instant{9s});
    (void)list.set(keys[2], instant{8s});
    for (weir::wake_entry& e : keys)
        (void)list.set(e, instant{5s});
    for (const int i : order)
        CHECK(list.next_due(instant{5s}) == &keys[i]);
}

TEST_CASE("wake_list: a thousand keys come out in order, whatever was moved and taken out before") {
    weir::wake_list list;
    std::vector<weir::wake_entry> keys(1'000);
    std::uint32_t dice = 1;
    const auto roll = [&dice] { return dice = dice * 1'664'525U + 1'013'904'223U; };
    for (int i = 0; i < 10'000; ++i)
        (void)list.set(keys[roll() % keys.size()],
                       roll() % 5 == 0 ? weir::far_future : instant{std::chrono::nanoseconds{roll()}});
    std::size_t listed = 0, seen = 0;
    for (const auto& e : keys)
        listed += e.is_listed ? 1 : 0;
    for (instant before{}; weir::wake_entry* e = list.next_due(weir::far_future - 1ns); before = e->at) {
        CHECK(e->at >= before);
        ++seen;
    }
    CHECK(seen == listed);
}
