// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/plain_store.hpp"

#include "weir/limiter/detail/lease_book.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::cause;
using weir::instant;

namespace {

using clock_type = weir::testing::manual_clock;
using shared_store = weir::testing::shared_store<clock_type>;
using leasing_process = weir::registry<shared_store>;

weir::policy leased(std::vector<weir::rate> rates, std::int64_t lease, weir::counting from = weir::counting::response) {
    weir::policy p;
    p.rates = std::move(rates);
    p.lease = lease;
    p.count_from = from;
    return p;
}
weir::configuration configured(const weir::policy& p) {
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

/// Two processes on one store, of which the second takes each request by itself and so says what is left.
struct two {
    explicit two(const weir::policy& p) : rules(p), a(common, configured(p)), b(common, configured(alone_of(p))) {}

    static weir::policy alone_of(weir::policy p) {
        p.lease = 1;
        return p;
    }
    auto take() { return a.try_acquire("h.org", "metadata"); }
    /// Takes and answers so many.
    void use(int count) {
        for (int i = 0; i < count; ++i) {
            auto got = take();
            REQUIRE(got);
            got.permit().arrived();
        }
    }
    /// How many units count in the first window, and how many of them are open.
    std::pair<std::int64_t, std::int64_t> used() {
        const auto now = b.inspect("h.org", "metadata");
        if (!now)
            REQUIRE(b.at("h.org", "metadata").try_acquire().decision().cause != cause::store);
        const auto state = b.inspect("h.org", "metadata")->state;
        return {state.windows[0].used, state.open};
    }

    weir::policy rules;
    clock_type clock{instant{10s}};
    shared_store common{clock};
    leasing_process a;
    leasing_process b;
};

/// Pins a key in `b`, so that it can be inspected.
struct watched : two {
    explicit watched(const weir::policy& p) : two(p), handle(b.at("h.org", "metadata")) {}
    decltype(std::declval<leasing_process&>().at("", "")) handle;
};

}  // namespace

TEST_CASE("lease: many requests take few round trips, twice as many units each time") {
    for (const auto from : {weir::counting::response, weir::counting::admission}) {
        two t{leased({{10'000, 1s}}, 100, from)};
        const auto before = t.common.calls();
        t.use(1'000);
        // 1, 2, 4, ... 64, and then a hundred at a time: an admission and its end, each.
        CHECK(t.common.calls() - before <= 2 * (7 + 10));
        CHECK(t.common.calls() - before >= 2 * 10);
    }
}

TEST_CASE("lease: a lease counts for all processes until its last request is answered, and one window longer") {
    watched t{leased({{100, 1s}}, 20)};
    t.use(1 + 2 + 4);
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{7, 0});
    auto first = t.take();  // of a lease of 8
    auto second = t.take();
    REQUIRE((first && second));
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{15, 8});
    first.permit().arrived();
    t.clock.advance(2s);
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{8, 8});  // its time is over, its second request is not
    second.permit().arrived();
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{2, 0});  // six were never used
    t.clock.advance(999ms);
    CHECK(t.used().first == 2);
    t.clock.advance(1ms);
    CHECK(t.used().first == 0);
}

TEST_CASE("lease: unused units are given back by poll, by the next request, and at the end") {
    const weir::policy p = leased({{100, 1h}}, 20);
    watched t{p};
    t.use(4);  // 1, 2, and the first of 4
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{7, 4});
    CHECK(t.a.next_wake() == instant{10s + 100ms});
    t.clock.advance(99ms);
    t.a.poll();
    CHECK(t.used().second == 4);
    t.clock.advance(1ms);
    CHECK(t.a.poll() == weir::far_future);
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{4, 0});

    t.use(1);  // the first of 8
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{12, 8});
    t.clock.advance(100ms);
    t.use(1);  // the first of 16
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{5 + 16, 16});

    {
        leasing_process third{t.common, configured(p)};
        for (int i = 0; i < 2; ++i) {
            auto got = third.try_acquire("h.org", "metadata");
            REQUIRE(got);
            if (i == 0)
                got.permit().arrived();
            else
                got.permit().refund();
        }
        CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{5 + 16 + 1 + 2, 18});
    }
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{5 + 16 + 1, 16});
}

TEST_CASE("lease: a key with a lease is not forgotten until the lease was given back") {
    two t{leased({{100, 10ms}}, 20)};
    // The list has the keys of this process alone.
    const auto has_key = [&] {
        return std::ranges::any_of(t.a.inspect(), [](const auto& one) { return one.key.host == "h.org"; });
    };
    t.use(2);
    t.clock.advance(1h);
    for (int i = 0; i < 5'000; ++i)
        static_cast<void>(t.a.try_acquire("other" + std::to_string(i) + ".org", "metadata"));
    CHECK(has_key());
    t.a.poll();
    t.clock.advance(1h);
    for (int i = 5'000; i < 20'000; ++i)
        static_cast<void>(t.a.try_acquire("other" + std::to_string(i) + ".org", "metadata"));
    CHECK_FALSE(has_key());
}

TEST_CASE("lease: if there is no room for it, a request is decided by itself and gets its exact time") {
    two t{leased({{10, 1s}}, 5)};
    t.use(10);
    const auto denied = t.take();
    REQUIRE_FALSE(denied);
    CHECK(denied.decision().cause == cause::window);
    CHECK(denied.decision().retry_at == instant{11s});
    // For a while each is asked for by itself: one call, not two.
    t.clock.advance(1s);
    const auto before = t.common.calls();
    auto got = t.take();
    REQUIRE(got);
    CHECK(t.common.calls() == before + 1);
}

TEST_CASE("lease: a lease takes no more than half of a window, and no lease is taken if it cannot be exact") {
    const auto max_open = [](weir::policy p) {
        watched t{p};
        std::int64_t max = 0;
        for (int i = 0; i < 40; ++i) {
            auto got = t.take();
            if (got)
                got.permit().arrived();
            const auto open = t.used().second;
            max = std::max(max, open);
            t.clock.advance(30ms);
        }
        return max;
    };
    CHECK(max_open(leased({{1'000, 1s}, {8, 100ms}}, 100)) == 4);
    CHECK(max_open(leased({{1, 10ms}}, 100)) == 0);
    auto p = leased({{1'000, 1s}}, 100);
    p.burst = 1;
    CHECK(max_open(p) == 0);
    p.burst = 0;
    p.max_concurrent = 50;
    CHECK(max_open(p) == 0);
    p.max_concurrent = 0;
    p.enforce = false;
    CHECK(max_open(p) == 0);
}

TEST_CASE("lease: no lease asks for more than the smallest window or the greatest cost of one request") {
    const auto reported = std::make_shared<const weir::server_rates>(weir::server_rates{{{30, 1s}}});
    for (const std::int64_t limit : {1, 2, 3, 7, 40, 1'000})
        for (const double factor : {1.0, 0.3, 0.01})
            for (const std::int64_t burst : {0, 5})
                for (const auto& server : {std::shared_ptr<const weir::server_rates>{}, reported}) {
                    auto p = leased({{1'000, 1h}, {limit, 1s}}, 100);
                    p.burst = burst;
                    weir::detail::lease_book book;
                    const auto rules = weir::key_rules::make(p, weir::multiplier::of(factor), server);
                    book.set_rules(rules);
                    std::int64_t smallest = rules->plan.max_cost;
                    for (const weir::window& w : rules->plan.windows)
                        smallest = std::min(smallest, w.limit);
                    for (int i = 0; i < 12; ++i) {
                        const std::int64_t wanted = book.wanted(1, instant{10s});
                        CHECK(wanted <= std::max<std::int64_t>(1, smallest / 2));
                        CHECK(wanted <= 100);
                        if (wanted > 1)
                            book.add({wanted}, instant{10s});
                        else
                            book.record_single(true, instant{10s});
                    }
                    // What one request costs is its own affair: it takes nothing in advance.
                    CHECK(book.wanted(2'000, instant{10s}) == 2'000);
                }
}

TEST_CASE("lease: a store whose kind is chosen at run time is asked whether it lends") {
    const weir::policy p = leased({{100, 1h}}, 20);
    const auto open_after = [&](auto make) {
        two t{p};
        weir::registry<weir::any_store> limits{weir::any_store{make(t.common)}, configured(p)};
        for (int i = 0; i < 7; ++i)
            limits.acquire("h.org", "metadata").arrived();
        const auto got = limits.try_acquire("h.org", "metadata");
        REQUIRE(got);
        return limits.inspect("h.org", "metadata")->state.open;
    };
    CHECK(open_after([](const shared_store& s) { return s; }) == 8);
    CHECK(open_after([](const shared_store& s) { return weir_test::plain_store{s}; }) == 1);
}

TEST_CASE("lease: a request may cost more than what is left of one") {
    watched t{leased({{1'000, 1h}}, 10)};
    t.use(4);  // of the lease of 4 three are left
    auto five = t.a.try_acquire("h.org", "metadata", {.cost = 5});
    REQUIRE(five);
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{3 + 4 + 8, 12});
    auto six = t.a.try_acquire("h.org", "metadata", {.cost = 60});  // more than a lease is
    REQUIRE(six);
    CHECK(t.used().first == 3 + 4 + 8 + 60);
    const auto before = t.common.calls();
    t.use(3 + 3);  // what is left of both
    CHECK(t.common.calls() - before == 1);
    CHECK(t.used().first == 3 + 4 + 8 + 60);
}

TEST_CASE("lease: the unit of a refunded request is free for the next one") {
    for (const auto from : {weir::counting::response, weir::counting::admission}) {
        watched t{leased({{1'000, 1h}}, 10, from)};
        t.use(3);
        auto got = t.take();
        REQUIRE(got);
        const auto before = t.common.calls();
        got.permit().refund();
        t.use(4);
        CHECK(t.common.calls() - before == 1);  // the end of the lease
        CHECK(t.used().first == 7);
    }
}

TEST_CASE("lease: a gate set here, new rules and an erased history end it at once") {
    watched t{leased({{1'000, 1h}}, 10)};
    t.use(3);
    auto got = t.take();
    auto slow = t.take();
    got.permit().arrived({.status = 429, .retry_after = 5s});
    CHECK(t.take().decision().cause == cause::gate);
    CHECK(t.used().second == 4);  // one is still under way
    slow.permit().arrived();
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{5, 0});

    t.clock.advance(5s);
    t.use(4);
    CHECK(t.used().second == 4);
    REQUIRE(t.a.reload(configured(leased({{20, 1h}}, 10))));
    t.a.poll();
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{9, 0});
    t.use(4);
    CHECK(t.used().second == 4);
    t.a.erase("h.org", "metadata");
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{0, 0});
}

TEST_CASE("lease: a gate or a factor that another process set ends it with the first reply that has it") {
    watched t{leased({{1'000, 1h}}, 10)};
    const auto uncounted = [&] { return t.a.try_acquire("h.org", "metadata", {.method = "HEAD"}); };
    t.use(4);
    REQUIRE(t.used().second == 4);
    auto key = t.common.make_slot("h.org", "metadata");
    t.common.tune(key, weir::multiplier::of(0.5));
    CHECK(uncounted());
    t.a.poll();
    CHECK(t.used().second == 0);
    t.use(4);
    REQUIRE(t.used().second == 4);
    REQUIRE(t.common.hold(key, t.clock.now() + 5s));
    CHECK_FALSE(uncounted());
    CHECK(t.take().decision().cause == cause::gate);
    CHECK(t.used().second == 0);
}

TEST_CASE("lease: the ceiling over all keys counts requests, not the units of leases") {
    const weir::policy p = leased({{1'000, 1h}}, 10);
    clock_type clock{instant{10s}};
    shared_store common{clock};
    leasing_process a{common,
                      weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(2).build().value()};
    std::vector<decltype(a.try_acquire("", ""))> held;
    for (int i = 0; i < 2; ++i)
        held.push_back(a.try_acquire("h.org", "metadata"));
    CHECK((held[0] && held[1]));
    CHECK(a.in_flight() == 2);
    CHECK(a.try_acquire("h.org", "metadata").decision().cause == cause::inflight);
    held.clear();
    CHECK(a.in_flight() == 0);
    for (int i = 0; i < 20; ++i)
        CHECK(a.try_acquire("h.org", "metadata"));
    CHECK(a.in_flight() == 0);
}

TEST_CASE("lease: without its store a process uses what it has, and no more") {
    auto p = leased({{1'000, 1h}}, 10);
    p.on_store_error = weir::store_failure::closed;
    watched t{p};
    t.use(4);  // three are left
    t.common.before([](std::string_view) { throw weir::store_error{"it is gone"}; });
    auto one = t.take();
    auto two = t.take();
    REQUIRE((one && two));
    one.permit().arrived();
    t.clock.advance(100ms);
    CHECK(t.take().decision().cause == cause::store);
    t.common.before({});
    two.permit().arrived();
    CHECK(t.used() == std::pair<std::int64_t, std::int64_t>{6, 0});
}
