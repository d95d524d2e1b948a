// SPDX-License-Identifier: MIT
#include "weir/registry/async_acquire.hpp"

#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/limits.hpp"

#include "weir/core/error.hpp"
#include "weir/registry/registry.hpp"

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir_test::detached;
using weir_test::limited;
using weir_test::manual_limits;
using weir_test::manual_registry;

using waits = decltype(std::declval<manual_registry&>().async_acquire("h", "metadata"));
template <class A>
concept awaitable = requires(A&& a) { std::forward<A>(a).operator co_await(); };
static_assert(awaitable<waits>);
static_assert(!awaitable<waits&>, "awaited twice by accident");
static_assert(!std::is_move_constructible_v<waits>);

/// What became of one await.
struct outcome_of {
    std::optional<weir::decision> why{};
    std::optional<manual_registry::permit> permit{};
};

detached get(manual_registry& limits, outcome_of& out, std::stop_token stop = {}, weir::resumer resume = {}) {
    manual_registry::admission got =
        co_await limits.async_acquire("h", "metadata", {}, std::move(stop), std::move(resume));
    out.why = got.decision();
    if (got)
        out.permit = std::move(got).take();
}

weir::policy patient(std::vector<weir::rate> rates) {
    weir::policy p = limited(std::move(rates));
    p.max_delay = 10h;
    return p;
}

}  // namespace

TEST_CASE("async_acquire: a request that is decided at once does not suspend, granted or denied") {
    manual_limits w{limited({{1, 1s}})};
    outcome_of first, second;
    get(w.limits, first);
    REQUIRE(first.why);
    CHECK(first.why->granted());
    CHECK(first.permit);
    get(w.limits, second);
    REQUIRE(second.why);
    CHECK(second.why->outcome == weir::outcome::denied);
    CHECK(second.why->retry_at > w.clock.now());
}

TEST_CASE("async_acquire: coroutines are resumed by poll, in order, when their time comes") {
    weir::policy p = patient({{1, 1s}});
    p.count_from = weir::counting::admission;
    manual_limits w{p};
    std::vector<outcome_of> all(4);
    for (outcome_of& one : all)
        get(w.limits, one);
    const auto granted = [&] {
        return std::ranges::count_if(all, [](const outcome_of& o) { return o.why.has_value(); });
    };
    CHECK(granted() == 1);
    CHECK(w.limits.inspect("h", "metadata")->waiting == 3);
    for (int n = 2; n <= 4; ++n) {
        w.clock.set(w.limits.next_wake() - 1ns);
        w.limits.poll();
        CHECK(granted() == n - 1);
        w.clock.advance(1ns);
        w.limits.poll();
        CHECK(granted() == n);
        CHECK(all[static_cast<std::size_t>(n - 1)].permit);
    }
}

TEST_CASE("async_acquire: a stop ends the wait and loses no capacity") {
    manual_limits w{patient({{1, 1h}})};
    outcome_of first, second, third;
    std::stop_source stop;
    get(w.limits, first);
    get(w.limits, second, stop.get_token());
    CHECK_FALSE(second.why);
    stop.request_stop();
    REQUIRE(second.why);
    CHECK(second.why->outcome == weir::outcome::cancelled);
    CHECK(w.limits.inspect("h", "metadata")->waiting == 0);
    get(w.limits, third, stop.get_token());
    REQUIRE(third.why);
    CHECK(third.why->outcome == weir::outcome::cancelled);
    first.permit->refund();
    CHECK(w.limits.in_flight() == 0);
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("async_acquire: a coroutine destroyed while it waits leaves the queue to the next one") {
    manual_limits w{patient({{1, 1h}})};
    outcome_of first, third;
    get(w.limits, first);
    {
        const auto gone = [](manual_registry& limits) -> weir_test::owned {
            (void)co_await limits.async_acquire("h", "metadata");
            FAIL("resumed");
        }(w.limits);
        get(w.limits, third);
        CHECK(w.limits.inspect("h", "metadata")->waiting == 2);
    }
    CHECK(w.limits.inspect("h", "metadata")->waiting == 1);
    first.permit->refund();
    w.limits.poll();
    REQUIRE(third.why);
    CHECK(third.why->granted());
}

TEST_CASE("async_acquire: the resumer gets the coroutine, and the thread that made the answer does not run it") {
    manual_limits w{patient({{1, 1h}})};
    weir_test::ready_queue ready;
    outcome_of first, second;
    const weir::resumer post = [&](std::coroutine_handle<> h) { ready.post(h); };
    get(w.limits, first, {}, post);
    REQUIRE(first.why);  // at once: nothing to resume
    get(w.limits, second, {}, post);
    first.permit->refund();
    w.limits.poll();
    CHECK(ready.size() == 1);
    CHECK_FALSE(second.why);
    CHECK(ready.run_one());
    REQUIRE(second.why);
    CHECK(second.why->granted());
}

TEST_CASE("async_acquire: a coroutine that was posted and is destroyed instead gives its entry back") {
    manual_limits w{patient({{1, 1h}})};
    weir_test::ready_queue ready;
    auto first = w.limits.acquire("h", "metadata");
    {
        auto waits = [](manual_registry& limits, weir_test::ready_queue& to) -> weir_test::owned {
            (void)co_await limits.async_acquire("h", "metadata", {}, {},
                                                [&to](std::coroutine_handle<> h) { to.post(h); });
            FAIL("resumed");
        }(w.limits, ready);
        first.refund();
        w.limits.poll();
        CHECK(ready.size() == 1);
    }
    CHECK(w.limits.in_flight() == 0);
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("async_acquire: a queue is resumed one coroutine after the other and not one inside the other") {
    weir::policy p = patient({{1'000'000, 1s}});
    p.max_concurrent = 1;
    manual_limits w{p};
    int inside = 0, deepest = 0, ended = 0;
    const auto visit = [&](manual_registry& limits) -> detached {
        auto got = co_await limits.async_acquire("h", "metadata");
        deepest = std::max(deepest, ++inside);
        got.permit().release();
        --inside;
        ++ended;
    };
    auto first = w.limits.acquire("h", "metadata");
    constexpr int count = 1'000;
    for (int i = 0; i < count; ++i)
        visit(w.limits);
    CHECK(ended == 0);
    first.release();
    while (w.limits.inspect("h", "metadata")->waiting > 0)
        w.limits.poll();
    CHECK(ended == count);
    CHECK(deepest == 1);
}

TEST_CASE("async_acquire: faults are thrown in the coroutine") {
    manual_limits w{patient({{1, 1h}})};
    std::vector<std::string> caught;
    const auto fails = [&](manual_registry& limits, std::string host, std::string role, std::int64_t cost) -> detached {
        try {
            (void)co_await limits.async_acquire(host, role, {.cost = cost});
        } catch (const weir::exception& e) {
            caught.emplace_back(e.what());
        }
    };
    fails(w.limits, "h", "no such role", 1);
    fails(w.limits, "h h", "metadata", 1);
    fails(w.limits, "h", "metadata", 0);
    CHECK(caught.size() == 3);
    CHECK(w.limits.in_flight() == 0);
}

TEST_CASE("async_acquire: a handle waits too; a HEAD passes; one that is never awaited takes nothing") {
    manual_limits w{patient({{1, 1h}})};
    auto h = w.limits.at("h", "metadata");
    int granted = 0;
    const auto take = [&](weir::async_options a) -> detached {
        const auto got = co_await h.async_acquire(a);
        granted += got ? 1 : 0;
    };
    {
        const auto never = h.async_acquire();
    }
    CHECK(h.inspect().state.windows[0].used == 0);
    take({});
    CHECK(granted == 1);
    take({.method = "HEAD"});
    CHECK(granted == 2);
    auto later = w.limits.async_acquire("h", "metadata", {.max_delay = 0ms});
    const auto wait = [&](auto& a) -> detached {
        const auto got = co_await std::move(a);
        granted += got ? 1 : 0;
    };
    wait(later);
    CHECK(granted == 2);
}
