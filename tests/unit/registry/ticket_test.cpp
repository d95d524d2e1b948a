// SPDX-License-Identifier: MIT
#include "weir/registry/ticket.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <memory>
#include <vector>

using namespace std::chrono_literals;
using weir_test::manual_registry;

TEST_CASE("ticket: it calls back once, at the exact time, and returns its permit") {
    weir_test::manual_limits w{weir_test::limited({{1, 1s}})};
    const auto first = w.limits.acquire("h", "metadata");
    int calls = 0;
    manual_registry::ticket t{[&](manual_registry::ticket&) { ++calls; }};
    w.limits.submit(t, "h", "metadata", {.max_delay = 60s});
    CHECK_FALSE(t.done());
    {
        auto p = w.limits.at("h", "metadata");
        CHECK(p.inspect().waiting == 1);
    }
    CHECK(w.limits.next_wake() == weir::instant{11s});
    CHECK(w.limits.poll() > weir::instant{10s});
    CHECK(calls == 0);
}

TEST_CASE("ticket: destroyed while it waits it leaves the queue; destroyed unused it gives its entry back") {
    weir_test::manual_limits w{weir_test::limited({{1, 1h}})};
    {
        manual_registry::ticket granted;
        w.limits.submit(granted, "h", "metadata");
        REQUIRE(granted.done());
        CHECK(granted.decision().granted());
        manual_registry::ticket waiting;
        w.limits.submit(waiting, "h", "metadata", {.max_delay = 2h});
        CHECK_FALSE(waiting.done());
        CHECK(w.limits.inspect("h", "metadata")->waiting == 1);
    }
    const auto seen = w.limits.inspect("h", "metadata");
    CHECK(seen->waiting == 0);
    CHECK(seen->state.windows[0].used == 0);
    CHECK(w.limits.in_flight() == 0);
}

TEST_CASE("ticket: first come, first served, with cancels in between") {
    auto p = weir_test::limited({{1, 1s}});
    p.count_from = weir::counting::admission;
    weir_test::manual_limits w{p};
    std::vector<int> order;
    std::vector<std::unique_ptr<manual_registry::ticket>> tickets;
    for (int i = 0; i < 30; ++i) {
        tickets.push_back(std::make_unique<manual_registry::ticket>([&order, i](manual_registry::ticket& t) {
            if (t.decision().granted())
                order.push_back(i);
        }));
        w.limits.submit(*tickets.back(), "h", "metadata", {.max_delay = 60s});
    }
    CHECK(tickets[3]->cancel());
    CHECK_FALSE(tickets[3]->cancel());
    CHECK(tickets[3]->decision().outcome == weir::outcome::cancelled);
    CHECK(tickets[10]->cancel());
    for (int i = 0; i < 29; ++i) {
        w.limits.poll();
        w.clock.advance(1s);
    }
    REQUIRE(order.size() == 28);
    for (std::size_t i = 1; i < order.size(); ++i)
        CHECK(order[i] > order[i - 1]);
}

TEST_CASE("ticket: one that was never submitted does nothing") {
    manual_registry::ticket t;
    CHECK_FALSE(t.done());
    CHECK_FALSE(t.cancel());
}
