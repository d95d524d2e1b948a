// SPDX-License-Identifier: MIT
#include "weir/registry/any_ticket.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/registry/limits.hpp"

#include <chrono>
#include <memory>
#include <type_traits>

using namespace std::chrono_literals;

static_assert(!std::is_move_constructible_v<weir::any_ticket>);

namespace {
struct manual_facade {
    explicit manual_facade(const weir::policy& p) : limits{weir_test::manual_store{clock}, weir_test::configured(p)} {}
    weir::testing::manual_clock clock{weir::instant{10s}};
    weir::limits limits;
};
}  // namespace

TEST_CASE("any_ticket: its callback is called once, it is cancelled once, and nothing happens before it is submitted") {
    manual_facade w{weir_test::limited({{1, 1s}})};
    int calls = 0;
    weir::any_ticket never, first, second{[&](weir::any_ticket&) { ++calls; }};
    CHECK_FALSE(never.done());
    CHECK_FALSE(never.cancel());
    CHECK(w.limits.submit(first, "h", "metadata"));
    REQUIRE(first.done());
    CHECK(first.decision().granted());
    const auto permit = first.take();
    CHECK(permit);
    CHECK_FALSE(w.limits.submit(second, "h", "metadata", {.max_delay = 1h}));
    CHECK_FALSE(second.done());
    CHECK(calls == 0);
    CHECK(second.cancel());
    CHECK(calls == 1);
    CHECK_FALSE(second.cancel());
    CHECK(second.decision().outcome == weir::outcome::cancelled);
    CHECK_FALSE(second.answer());
}

TEST_CASE("any_ticket: if submit throws, it was not submitted") {
    manual_facade w{weir_test::limited({{1, 1s}})};
    int calls = 0;
    weir::any_ticket t{[&](weir::any_ticket&) { ++calls; }};
    CHECK_THROWS_AS(w.limits.submit(t, "h", "no such role"), weir::exception);
    CHECK_THROWS_AS(w.limits.submit(t, "h", "metadata", {.cost = 0}), weir::exception);
    CHECK_FALSE(t.done());
    CHECK(w.limits.submit(t, "h", "metadata"));
    CHECK(calls == 1);
    CHECK(t.take());
}

TEST_CASE("any_ticket: it may be destroyed in its own callback, and an unused grant goes back") {
    manual_facade w{weir_test::limited({{1, 1s}})};
    auto first = w.limits.acquire("h", "metadata");
    bool granted = false;
    std::unique_ptr<weir::any_ticket> second;
    second = std::make_unique<weir::any_ticket>([&](weir::any_ticket& t) {
        granted = t.decision().granted();
        second.reset();
    });
    CHECK_FALSE(w.limits.submit(*second, "h", "metadata", {.max_delay = 1h}));
    first.refund();
    w.limits.poll();
    CHECK(granted);
    CHECK(second == nullptr);
    CHECK(w.limits.in_flight() == 0);
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("any_ticket: destroyed while it waits it leaves the queue") {
    manual_facade w{weir_test::limited({{1, 1h}})};
    const auto permit = w.limits.acquire("h", "metadata");
    {
        weir::any_ticket waits;
        w.limits.submit(waits, "h", "metadata", {.max_delay = 2h});
        CHECK(w.limits.inspect("h", "metadata")->waiting == 1);
    }
    CHECK(w.limits.inspect("h", "metadata")->waiting == 0);
}
