// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/failing_heap.hpp"
#include "support/limits.hpp"

#include "weir/storage/shared_memory_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;
using weir::outcome;
using weir_test::configured;
using weir_test::limited;
using weir_test::manual_limits;
using weir_test::manual_registry;

namespace {

using clock_type = weir::testing::manual_clock;

/// A memory store that counts how often a request is assessed.
template <class Clock>
struct counting_store : weir::memory_store<Clock> {
    using base = weir::memory_store<Clock>;
    struct counts {
        int admit = 0;
        int assess_behind = 0;
    };

    explicit counting_store(Clock clock) : base(std::move(clock)) {}
    template <class... Args>
    weir::assessment admit(Args&&... args) {
        ++seen->admit;
        return base::admit(std::forward<Args>(args)...);
    }
    template <class... Args>
    weir::assessment assess_behind(Args&&... args) const {
        ++seen->assess_behind;
        return base::assess_behind(std::forward<Args>(args)...);
    }

    std::shared_ptr<counts> seen = std::make_shared<counts>();
};

weir::policy from_admission(std::vector<weir::rate> rates) {
    weir::policy p = limited(std::move(rates));
    p.count_from = weir::counting::admission;
    p.max_delay = 2h;
    return p;
}

/// The most units that any half-open span of length `t` holds.
std::int64_t max_in(const std::vector<std::pair<instant, std::int64_t>>& sent, weir::duration t) {
    std::int64_t max = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
        std::int64_t units = 0;
        for (std::size_t k = i; k < sent.size() && sent[k].first - sent[i].first < t; ++k)
            units += sent[k].second;
        max = std::max(max, units);
    }
    return max;
}

}  // namespace

// ---- one step

TEST_CASE(
    "steps: a request is assessed once when it is granted, twice when it waits, and once when an answer moves it") {
    clock_type clock{instant{10s}};
    counting_store<clock_type> store{clock};
    const auto seen = store.seen;
    const auto count = [&] { return std::exchange(seen->admit, 0) + std::exchange(seen->assess_behind, 0); };
    weir::registry<counting_store<clock_type>> limits{store, configured(from_admission({{1, 100ms}}))};

    auto first = limits.try_acquire("h", "metadata");
    REQUIRE(first);
    CHECK(count() == 1);

    weir::registry<counting_store<clock_type>>::ticket waiting;
    CHECK_FALSE(limits.submit(waiting, "h", "metadata"));
    CHECK(count() == 1);
    clock.advance(50ms);
    const std::array all{weir::reported_limit{weir::limit_unit::requests, 1, 1s}};
    first.permit().arrived({.status = 429, .limits = all});
    CHECK(count() == 1);
    clock.set(limits.next_wake());
    limits.poll();
    CHECK(waiting.done());
    CHECK(count() == 1);
}

TEST_CASE("steps: a caller that sleeps once is assessed twice") {
    counting_store<weir::steady_clock> store{weir::steady_clock{}};
    const auto seen = store.seen;
    weir::registry<counting_store<weir::steady_clock>> limits{store, configured(from_admission({{1, 20ms}}))};
    REQUIRE(limits.try_acquire("h", "metadata"));
    *seen = {};
    CHECK(limits.wait_acquire("h", "metadata"));
    CHECK(seen->admit + seen->assess_behind == 2);
}

// ---- costs

TEST_CASE("steps: a cost above a reported or a scaled window is charged in full in every other") {
    SECTION("the server reports less than a request costs") {
        manual_limits w{limited({{100, 1h}})};
        std::vector<std::pair<instant, std::int64_t>> sent{{w.clock.now(), 1}};
        auto first = w.limits.acquire("h", "metadata");
        const std::array all{weir::reported_limit{weir::limit_unit::requests, 1, 1s}};
        first.arrived({.status = 200, .limits = all});
        for (int i = 0; i < 3'600; ++i) {
            w.clock.advance(1s);
            if (auto got = w.limits.try_acquire("h", "metadata", {.cost = 50})) {
                sent.emplace_back(w.clock.now(), 50);
                got.permit().arrived();
            }
        }
        CHECK(max_in(sent, 1h) <= 100);
        CHECK(sent.size() > 1);
    }
    SECTION("the tuner has cut the rates") {
        manual_limits w{limited({{10, 1s}, {29, 60s}})};
        auto h = w.limits.at("h", "metadata");
        h.tune(weir::multiplier::of(0.8));
        std::vector<std::pair<instant, std::int64_t>> sent;
        for (int i = 0; i < 6'000; ++i) {
            w.clock.advance(100ms);
            if (auto got = h.try_acquire({.cost = 10})) {
                sent.emplace_back(w.clock.now(), 10);
                got.permit().arrived();
            }
        }
        CHECK(max_in(sent, 60s) <= 29);
        CHECK(max_in(sent, 1s) <= 10);
        CHECK(sent.size() > 10);
    }
}

TEST_CASE("steps: a cost below 1 is refused before anything is locked, and the error has the allowed numbers") {
    manual_limits w{limited({{5, 1s}})};
    for (const std::int64_t cost : {std::int64_t{0}, std::int64_t{-1}, weir::rate::max + 1, INT64_MAX}) {
        try {
            (void)w.limits.try_acquire("h", "metadata", {.cost = cost});
            FAIL("it was taken");
        } catch (const weir::exception& e) {
            CHECK(e.code() == weir::errc::bad_request);
            CHECK(std::string{e.what()}.find("outside 1 to 1000000000") != std::string::npos);
        }
    }
    CHECK(w.limits.size() == 0);
}

TEST_CASE("steps: the real cost of a request is charged when it is known") {
    manual_limits w{limited({{10, 1s}})};
    auto less = w.limits.acquire("h", "metadata", {.cost = 5});
    less.adjust_cost(2);
    CHECK(w.limits.inspect("h", "metadata")->state.windows[0].used == 2);
    less.arrived();
    less.adjust_cost(6);
    CHECK(w.limits.inspect("h", "metadata")->state.windows[0].used == 6);
    CHECK_THROWS_AS(less.adjust_cost(0), weir::exception);
}

// ---- answers

TEST_CASE("steps: a request that was answered cannot be refunded, and is answered once") {
    manual_limits w{limited({{1, 1h}})};
    int granted = 0;
    for (int i = 0; i < 5; ++i)
        if (auto got = w.limits.try_acquire("h", "metadata")) {
            ++granted;
            got.permit().arrived();
            got.permit().refund();
        }
    CHECK(granted == 1);
    auto other = w.limits.acquire("other", "metadata");
    for (int i = 0; i < 7; ++i)
        other.arrived({.status = 429});
    CHECK(w.limits.inspect("other", "metadata")->state.gate == w.clock.now() + 1s);
}

TEST_CASE("steps: a request that ends without an answer counts until it cannot arrive any more") {
    weir::policy p = limited({{1, 1s}});
    SECTION("by what the policy says") {
        p.abandon_grace = 5s;
        manual_limits w{p};
        CHECK(w.limits.set_policy("h", "metadata", p));
        w.limits.acquire("h", "metadata").release();
        w.clock.advance(6s - 1ns);
        CHECK_FALSE(w.limits.try_acquire("h", "metadata"));
        w.clock.advance(1ns);
        CHECK(w.limits.try_acquire("h", "metadata"));
    }
    SECTION("by the longest latency that was seen, its own among them") {
        manual_limits w{p};
        auto slow = w.limits.acquire("h", "metadata");
        w.clock.advance(3s);
        slow.arrived();
        w.clock.advance(1s);
        auto cut = w.limits.acquire("h", "metadata");
        w.clock.advance(2s);
        cut.release();
        w.clock.advance(4s - 1ns);
        CHECK_FALSE(w.limits.try_acquire("h", "metadata"));
        w.clock.advance(1ns);
        CHECK(w.limits.try_acquire("h", "metadata"));
    }
}

TEST_CASE("steps: erase forgets an abandoned request that is over, though no verb has seen its end") {
    weir::policy p = limited({{1, 1h}});
    p.abandon_grace = 5s;
    manual_limits w{p};
    w.limits.acquire("h", "metadata").release();
    SECTION("over") {
        w.clock.advance(5s);
        w.limits.erase("h", "metadata");
        CHECK(w.limits.try_acquire("h", "metadata"));
    }
    SECTION("under way") {
        w.clock.advance(5s - 1ns);
        w.limits.erase("h", "metadata");
        CHECK_FALSE(w.limits.try_acquire("h", "metadata"));
    }
}

TEST_CASE("steps: new keys make an old key forget neither its pauses nor the reported limits") {
    manual_limits w{limited({{100, 1s}})};
    const auto others = [&] {
        for (int i = 0; i < 4'000; ++i)
            w.limits.try_acquire("h" + std::to_string(i), "metadata").permit().refund();
    };
    SECTION("pauses") {
        for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s}) {
            auto got = w.limits.acquire("a", "metadata");
            got.arrived({.status = 429});
            CHECK(w.limits.inspect("a", "metadata")->state.gate == w.clock.now() + pause);
            got.release();
            w.clock.advance(pause + 2s);
            others();
        }
    }
    SECTION("reported limits") {
        const std::array all{weir::reported_limit{weir::limit_unit::requests, 5, 60s}};
        w.limits.acquire("a", "metadata").arrived({.status = 200, .limits = all});
        w.clock.advance(120s);
        others();
        int granted = 0;
        std::vector<manual_registry::permit> kept;
        while (auto got = w.limits.try_acquire("a", "metadata")) {
            kept.push_back(std::move(got).take());
            ++granted;
        }
        CHECK(granted == 5);
    }
}

TEST_CASE("steps: an observer changes no decision") {
    struct listening {
        void on_event(const weir::event&) {}
    };
    const auto retry_at = [](auto observer) {
        weir::registry<weir::memory_store<>, decltype(observer)> limits{
            weir::memory_store{}, configured(limited({{4, 100ms}, {2, 11ms}})), observer};
        auto h = limits.at("h", "metadata");
        const instant t{1'000s};
        for (const auto at : {0ms, 5ms}) {
            auto got = h.try_acquire({}, t + at);
            got.permit().arrived({}, t + at);
            got.permit().release(t + at);
        }
        const auto one = h.try_acquire({}, t + 11ms), two = h.try_acquire({}, t + 16ms);
        CHECK_FALSE(h.try_acquire({}, t + 17ms));
        return h.try_acquire({}, t + 95ms).decision().retry_at - t;
    };
    CHECK(retry_at(weir::no_observer{}) == 106ms);
    CHECK(retry_at(listening{}) == 106ms);
}

// ---- lives of keys

TEST_CASE("steps: a waiter that a far gate refuses takes its key out of the line for slots") {
    weir::policy p = limited({{10, 1s}});
    p.max_delay = 1h;
    p.max_hold = 1s;
    using store = weir::shared_memory_store<>;
    weir::registry<store> limits{
        store{{}, weir::store_time::injected},
        weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(1).build().value()};
    instant t{1'000s};
    auto busy = limits.try_acquire("b", "metadata", {}, t);
    REQUIRE(busy);
    {
        auto h = limits.at("a", "metadata");
        weir::registry<store>::ticket waiting;
        limits.submit(waiting, "a", "metadata", {}, t);
        limits.poll(t);
        h.hold_until(t + 10s);
        REQUIRE(waiting.done());
        CHECK(waiting.decision().cause == cause::gate);
    }
    t += 1h;
    (void)limits.at("z", "metadata").admit({}, t);
    for (int i = 0; i < 20'000; ++i)
        (void)limits.try_acquire("h" + std::to_string(i), "metadata", {}, t);
    // The list has the keys of this process alone.
    CHECK(std::ranges::none_of(limits.inspect(), [](const auto& one) { return one.key.host == "a"; }));
    busy.permit().release(t);
    CHECK(limits.in_flight() == 0);
}

TEST_CASE("steps: a lack of memory at any point leaves nothing locked and nothing lost") {
    WEIR_NEEDS_FAILING_HEAP();
    weir::policy p = limited({{3, 1s}});
    p.max_delay = 2h;
    p.aimd.enabled = true;
    const auto c = weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(3).build().value();
    int failures = 0;
    for (int k = 0; k < 60; ++k) {
        clock_type clock{instant{10s}};
        manual_registry limits{weir_test::manual_store{clock}, c};
        std::int64_t granted = 0;
        {
            std::deque<manual_registry::ticket> tickets;
            std::vector<manual_registry::permit> permits;
            permits.reserve(16);
            const auto attempt = [&](auto&& verb) { failures += weir_test::fails_after(k, verb) ? 1 : 0; };
            for (int i = 0; i < 4; ++i) {
                attempt([&] {
                    if (auto got = limits.try_acquire("a", "metadata"))
                        permits.push_back(std::move(got).take());
                });
                tickets.emplace_back();
                attempt([&] { limits.submit(tickets.back(), "a", "metadata"); });
                if (!permits.empty())
                    attempt([&] { permits.back().arrived({.status = 429, .retry_after = 1s}); });
                attempt([&] { limits.poll(); });
                clock.advance(3s);
                attempt([&] { limits.poll(); });
                attempt([&] { (void)limits.inspect(); });
            }
            clock.advance(1h);
            limits.poll();
            for (auto& t : tickets)
                if (t.done() && t.decision().granted())
                    ++granted;
        }
        CHECK(limits.in_flight() == 0);
        clock.advance(1h);
        if (auto all = limits.inspect("a", "metadata")) {
            CHECK(all->waiting == 0);
            CHECK(all->state.in_flight == 0);
        }
        CHECK(limits.try_acquire("a", "metadata"));
        CHECK(granted >= 0);
    }
    CHECK(failures > 20);
}

// ---- queues

namespace {

struct drain_effort {
    std::int64_t assessments;
    double seconds;  ///< of processor time
};

/// Lets `count` tickets wait for one key and drains them, while every third is cancelled. A third has deadlines in no
/// order, of which some come.
drain_effort drain(int count) {
    weir::policy p = limited({{100, 1s}});
    p.max_delay = 24h;
    clock_type clock{instant{10s}};
    counting_store<clock_type> store{clock};
    weir::registry<counting_store<clock_type>> limits{store, configured(p)};
    using registry = decltype(limits);
    std::vector<registry::permit> granted;
    std::int64_t done = 0;
    std::deque<registry::ticket> tickets;
    const std::clock_t begin = std::clock();
    for (int i = 0; i < count; ++i) {
        tickets.emplace_back([&](registry::ticket& t) {
            ++done;
            if (t.decision().granted())
                granted.push_back(t.take());
        });
        weir::acquire_options a;
        if (i % 3 == 1)
            a.max_delay = std::chrono::hours{1} + std::chrono::milliseconds{i * 7919LL % count * 10};
        limits.submit(tickets.back(), "a", "metadata", a);
    }
    for (int i = 0; i < count; i += 3)
        tickets[static_cast<std::size_t>(i / 3 * 7919LL % (count / 3) * 3)].cancel();
    while (done < count) {
        clock.advance(10ms);
        limits.poll();
        auto now = std::exchange(granted, {});
        for (auto& permit : now)
            permit.arrived();
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    CHECK(limits.inspect("a", "metadata")->waiting == 0);
    return {store.seen->admit + store.seen->assess_behind, seconds};
}

}  // namespace

TEST_CASE("steps: four times as many tickets on one key take little more than four times as long to drain") {
    const drain_effort small = drain(25'000);
    const drain_effort large = drain(100'000);
    CAPTURE(small.assessments, large.assessments, small.seconds, large.seconds);
    CHECK(large.assessments < 6 * small.assessments);
    // Of what is not counted: a quadratic step takes sixteen times as long.
    CHECK(large.seconds < 9 * small.seconds);
}

TEST_CASE("steps: a full queue refuses at once") {
    weir::policy p = from_admission({{1, 1h}});
    p.max_waiting = 2;
    manual_limits w{limited({{1, 1h}})};
    REQUIRE(w.limits.set_policy("h", "metadata", p));
    REQUIRE(w.limits.try_acquire("h", "metadata"));
    manual_registry::ticket a, b, c;
    CHECK_FALSE(w.limits.submit(a, "h", "metadata"));
    CHECK_FALSE(w.limits.submit(b, "h", "metadata", {.max_delay = 3h}));
    CHECK(w.limits.submit(c, "h", "metadata", {.max_delay = 24h}));
    CHECK(c.decision().outcome == outcome::denied);
    CHECK(w.limits.inspect("h", "metadata")->waiting == 2);
}

TEST_CASE("steps: a cancel that comes while its submit is in the round trip is obeyed") {
    using store = weir::testing::shared_store<clock_type>;
    clock_type clock{instant{10s}};
    store common{clock};
    weir::registry<store> limits{common, configured(from_admission({{1, 1h}}))};
    REQUIRE(limits.try_acquire("a", "metadata"));
    clock.advance(1min);
    REQUIRE(limits.try_acquire("b", "metadata"));
    weir::registry<store>::ticket t;
    bool cancelled = false;
    limits.erase("b", "metadata");
    common.before([&](std::string_view verb) {
        if (verb == "admit" && !cancelled)
            cancelled = t.cancel();
    });
    limits.submit(t, "b", "metadata");
    CHECK(cancelled);
    CHECK(t.done());
    CHECK(t.decision().outcome == outcome::cancelled);
    CHECK(limits.try_acquire("b", "metadata"));  // nothing was taken
}

// ---- waking

TEST_CASE("steps: an earlier time wakes the loop that sleeps until the old one") {
    int woken = 0;
    clock_type clock{instant{10s}};
    manual_registry limits{weir_test::manual_store{clock},
                           configured(from_admission({{1, 1h}})),
                           {},
                           {.on_earlier_wake = [&] { ++woken; }}};
    REQUIRE(limits.try_acquire("a", "metadata"));
    manual_registry::ticket t;
    limits.submit(t, "a", "metadata");
    CHECK(woken == 1);  // poll() had not been called yet
    CHECK(limits.poll() == instant{10s} + 1h);
    CHECK(limits.reload(configured(from_admission({{1, 1s}}))));
    CHECK(woken == 2);
    CHECK(limits.next_wake() == instant{11s});
    CHECK(limits.poll() == instant{11s});
    limits.erase("a", "metadata");
    CHECK(t.done());  // on the thread that erased
}

TEST_CASE("steps: a slot that comes free on a shared store wakes the loop") {
    int woken = 0;
    using store = weir::shared_memory_store<clock_type>;
    clock_type clock{instant{10s}};
    weir::policy p = limited({{100, 1s}});
    p.max_delay = 1h;
    weir::registry<store> limits{
        store{clock},
        weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(1).build().value(),
        {},
        {.on_earlier_wake = [&] { ++woken; }}};
    auto busy = limits.acquire("b", "metadata");
    weir::registry<store>::ticket t;
    limits.submit(t, "a", "metadata");
    CHECK(limits.poll() >= instant{10s} + 1h);
    woken = 0;
    busy.arrived();
    busy.release();
    CHECK(woken == 1);
    limits.poll();
    CHECK(t.done());
}

TEST_CASE("steps: a ticket may be destroyed in its own callback") {
    manual_limits w{from_admission({{1, 1s}})};
    REQUIRE(w.limits.try_acquire("a", "metadata"));
    std::unique_ptr<manual_registry::ticket> t;
    int calls = 0;
    t = std::make_unique<manual_registry::ticket>([&](manual_registry::ticket&) {
        ++calls;
        t.reset();
    });
    w.limits.submit(*t, "a", "metadata");
    w.clock.advance(1s);
    w.limits.poll();
    CHECK(calls == 1);
    CHECK(t == nullptr);
    CHECK(w.limits.in_flight() == 0);  // the ticket's entry was given back
}

TEST_CASE("steps: a requested stop ends a ticket's wait, also one that was requested before") {
    manual_limits w{from_admission({{1, 1h}})};
    REQUIRE(w.limits.try_acquire("a", "metadata"));
    std::stop_source stop;
    manual_registry::ticket a, b;
    CHECK_FALSE(w.limits.submit(a, "a", "metadata", {.stop = stop.get_token()}));
    stop.request_stop();
    REQUIRE(a.done());
    CHECK(a.decision().outcome == outcome::cancelled);
    CHECK(w.limits.submit(b, "a", "metadata", {.stop = stop.get_token()}));
    CHECK(b.decision().outcome == outcome::cancelled);
    CHECK(w.limits.inspect("a", "metadata")->waiting == 0);
}

// ---- what a program may do with a key

TEST_CASE("steps: peek answers what try_acquire would answer, and takes nothing") {
    manual_limits w{limited({{2, 1s}})};
    for (int i = 0; i < 5; ++i)
        CHECK(w.limits.peek("h", "metadata").granted());
    auto one = w.limits.acquire("h", "metadata", {.cost = 2});
    one.arrived();
    CHECK(w.limits.peek("h", "metadata").retry_at == w.clock.now() + 1s);
    CHECK(w.limits.peek("h", "metadata", {.cost = 3}).outcome == outcome::never);
}

TEST_CASE("steps: a paused key admits nothing until it is resumed, and its waiters wait on") {
    weir::policy p = limited({{2, 1s}});
    p.max_delay = 1min;
    manual_limits w{p};
    auto h = w.limits.at("h", "metadata");
    h.pause();
    CHECK(h.inspect().is_paused);
    CHECK(h.try_acquire().decision().cause == cause::gate);
    CHECK_FALSE(h.admit().granted());
    manual_registry::ticket waits, late;
    CHECK_FALSE(h.submit(waits));
    CHECK_FALSE(h.submit(late, {.max_delay = 5s}));
    w.clock.advance(5s);
    w.limits.poll();
    CHECK(late.done());
    CHECK_FALSE(waits.done());
    h.resume();
    REQUIRE(waits.done());
    CHECK(waits.decision().granted());
}

TEST_CASE("steps: a closed registry takes no new request, and drains") {
    weir::policy p = limited({{1, 1s}});
    p.max_delay = 1min;
    manual_limits w{p};
    auto one = w.limits.acquire("h", "metadata");
    manual_registry::ticket waits;
    w.limits.submit(waits, "h", "metadata");
    w.limits.close();
    CHECK(w.limits.try_acquire("h", "metadata").decision().cause == cause::closed);
    CHECK(w.limits.at("h", "metadata").admit().cause == cause::closed);
    CHECK_THROWS_AS(w.limits.acquire("h", "metadata"), weir::refused);
    CHECK_FALSE(w.limits.drain(0s));
    one.arrived();
    one.release();
    w.clock.advance(1s);
    w.limits.poll();
    REQUIRE(waits.done());
    auto two = waits.take();
    two.arrived();
    two.release();
    CHECK(w.limits.drain(0s));
}

TEST_CASE("steps: a policy that is set for one key stays over a reload until it is cleared") {
    manual_limits w{limited({{5, 1s}})};
    REQUIRE(w.limits.set_policy("h", "metadata", limited({{1, 1s}})));
    auto h = w.limits.at("h", "metadata");
    CHECK(h.inspect().policy.rates.at(0).limit == 1);
    CHECK_FALSE(w.limits.inspect("other", "metadata"));
    REQUIRE(w.limits.reload(configured(limited({{7, 1s}}))));
    CHECK(h.inspect().policy.rates.at(0).limit == 1);
    REQUIRE(w.limits.clear_policy("h", "metadata"));
    CHECK(h.inspect().policy.rates.at(0).limit == 7);
    const auto fault = w.limits.set_policy("h", "metadata", weir::policy{});
    REQUIRE_FALSE(fault);
    CHECK(fault.error().message.find("h/metadata: rates:") != std::string::npos);
}

TEST_CASE("steps: a gate is opened by hand, and a default handle has no key") {
    manual_limits w{limited({{5, 1s}})};
    manual_registry::handle h;
    CHECK_FALSE(h);
    h = w.limits.at("h", "metadata");
    REQUIRE(h);
    CHECK(h.hold_until(w.clock.now() + 1h));
    CHECK_FALSE(h.try_acquire());
    CHECK(h.open_gate());
    CHECK(h.try_acquire());
}
