// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/storage/shared_memory_store.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;
using weir::limit_unit;
using weir::multiplier;
using weir::reported_limit;

namespace {

/// Keeps what the tuner did.
struct tuning_watcher {
    struct change {
        std::string host;
        double before, after;
        std::string why;
        std::int64_t answers, refusals;
    };
    std::vector<change>* changes;
    void on_event(const weir::event& e) const {
        if (e.type == weir::event_type::tune)
            changes->push_back(
                {std::string{e.host}, e.before.value(), e.after.value(), std::string{e.text}, e.answers, e.refusals});
    }
};

weir::policy tuned_policy(std::vector<weir::rate> rates) {
    auto p = weir_test::limited(std::move(rates));
    p.aimd.enabled = true;
    p.max_delay = 1h;
    return p;
}

/// Answers so many requests with one status, one after the other, a millisecond each.
template <class Limits>
void answer(Limits& limits, weir::testing::manual_clock& clock, int status, int times, std::string_view host = "h") {
    for (int i = 0; i < times; ++i) {
        auto got = limits.try_acquire(host, "metadata");
        while (!got) {
            clock.set(got.decision().retry_at);
            got = limits.try_acquire(host, "metadata");
        }
        clock.advance(1ms);
        got.permit().arrived({.status = status});
    }
}

using shared_store = weir::shared_memory_store<weir::testing::manual_clock>;

}  // namespace

TEST_CASE("answers: a host on defaults is tuned by its answers, and every change is an event") {
    std::vector<tuning_watcher::change> changes;
    weir::testing::manual_clock clock{instant{10s}};
    weir::registry limits{weir_test::manual_store{clock}, weir_test::configured(tuned_policy({{100, 1s}})),
                          tuning_watcher{&changes}};
    answer(limits, clock, 200, 20);
    CHECK(changes.empty());
    answer(limits, clock, 429, 3);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].host == "h");
    CHECK(changes[0].before == 1);
    CHECK(changes[0].after == 0.8);
    CHECK(changes[0].why == "high_429_ratio");
    CHECK(changes[0].answers == 23);
    CHECK(changes[0].refusals == 3);
    auto seen = limits.inspect("h", "metadata")->state;
    CHECK(seen.factor == multiplier::of(0.8));
    CHECK(seen.windows[0].limit == 80);
    // History stays: what was sent counts under the new limit.
    CHECK(seen.windows[0].used > 0);
    CHECK_FALSE(limits.inspect("other", "metadata"));
}

TEST_CASE("answers: a key without tuning is not cut") {
    weir_test::manual_limits w{weir_test::limited({{100, 1s}})};
    answer(w.limits, w.clock, 429, 9);
    CHECK(w.limits.inspect("h", "metadata")->state.factor.is_one());
}

TEST_CASE("answers: uncounted HEAD requests and unknown answers teach nothing") {
    weir_test::manual_limits w{tuned_policy({{100, 1s}})};
    for (int i = 0; i < 9; ++i) {
        auto got = w.limits.try_acquire("h", "metadata", {.method = "head"});
        if (got)
            got.permit().arrived({.status = 429});
        auto other = w.limits.try_acquire("h", "metadata");
        if (other)
            other.permit().arrived();
        w.clock.advance(1h);
    }
    CHECK(w.limits.inspect("h", "metadata")->state.factor.is_one());
}

TEST_CASE("answers: processes on one store share the tuner's state") {
    weir::testing::manual_clock clock{instant{10s}};
    const shared_store common{clock};
    const auto config = weir_test::configured(tuned_policy({{100, 1s}}));
    weir::registry a{common, config}, b{common, config};
    answer(a, clock, 429, 2);
    CHECK(a.inspect("h", "metadata")->state.factor.is_one());
    answer(b, clock, 429, 1);
    CHECK(b.inspect("h", "metadata")->state.factor == multiplier::of(0.8));
    CHECK(a.inspect("h", "metadata")->state.factor == multiplier::of(0.8));
    answer(a, clock, 200, 1);
    CHECK(a.inspect("h", "metadata")->state.windows[0].limit == 80);
}

TEST_CASE("answers: a 429 in one process stops the other until exactly the time that it states") {
    weir::testing::manual_clock clock{instant{10s}};
    const shared_store common{clock};
    const auto config = weir_test::configured(weir_test::limited({{100, 1s}}));
    weir::registry a{common, config}, b{common, config};
    a.acquire("h", "metadata").arrived({.status = 429, .retry_after = 3s});
    int let_through = 0;
    for (; clock.now() < instant{13s}; clock.advance(10ms))
        let_through += b.try_acquire("h", "metadata") ? 1 : 0;
    CHECK(let_through == 0);
    CHECK(b.try_acquire("h", "metadata"));
}

TEST_CASE("answers: a cut delays a waiter of a long window no longer than it takes to recover") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::registry limits{weir_test::manual_store{clock}, weir_test::configured(tuned_policy({{10, 24h}}))};
    answer(limits, clock, 429, 3);
    REQUIRE(limits.inspect("h", "metadata")->state.factor == multiplier::of(0.8));
    answer(limits, clock, 200, 5);
    // Eight of ten are used: the ninth waits, though no answer will ever come.
    decltype(limits)::ticket t;
    limits.submit(t, "h", "metadata", {.max_delay = 30h}, clock.now());
    REQUIRE_FALSE(t.done());
    while (!t.done()) {
        clock.set(limits.next_wake());
        limits.poll(clock.now());
    }
    CHECK(t.decision().granted());
    CHECK(clock.now() < instant{10s} + 10min);
}

TEST_CASE("answers: a reload that turns tuning off restores the configured rates") {
    const auto tuned = weir_test::configured(tuned_policy({{100, 1s}}));
    const auto plain = weir_test::configured(weir_test::limited({{100, 1s}}));
    weir_test::manual_limits w{tuned_policy({{100, 1s}})};
    answer(w.limits, w.clock, 429, 3);
    REQUIRE(w.limits.reload(plain));
    CHECK(w.limits.inspect("h", "metadata")->state.windows[0].limit == 100);

    weir::testing::manual_clock clock{instant{10s}};
    const shared_store common{clock};
    weir::registry a{common, tuned}, b{common, plain};
    answer(a, clock, 429, 3);
    CHECK(b.at("h", "metadata").inspect().state.factor == multiplier::of(0.8));
    REQUIRE(a.reload(plain));
    CHECK(b.at("h", "metadata").inspect().state.factor.is_one());
    CHECK(a.inspect("h", "metadata")->state.windows[0].limit == 100);
}

TEST_CASE("answers: a key whose factor has recovered is forgotten") {
    weir_test::manual_limits w{tuned_policy({{100, 1s}})};
    answer(w.limits, w.clock, 429, 3);
    const auto cut = w.clock.now();
    w.clock.set(cut + 5min);
    for (int i = 0; i < 100; ++i)
        answer(w.limits, w.clock, 200, 1, "h" + std::to_string(i) + ".org");
    CHECK(w.limits.inspect("h", "metadata"));
    w.clock.set(cut + 1h);
    for (int i = 0; i < 200; ++i)
        answer(w.limits, w.clock, 200, 1, "g" + std::to_string(i) + ".org");
    CHECK_FALSE(w.limits.inspect("h", "metadata"));
}

TEST_CASE("answers: a reported limit is obeyed if it is lower, and never if it is higher") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    const auto tell = [&](const reported_limit& l) {
        const std::array all{l};
        auto p = w.limits.acquire("h", "metadata");
        p.arrived({.status = 200, .limits = all});
        w.clock.advance(1h);
        return w.limits.inspect("h", "metadata")->state.windows;
    };
    CHECK(tell({limit_unit::requests, 20, 1s}).size() == 1);
    CHECK(tell({limit_unit::requests, 10, 1s}).size() == 1);
    CHECK(tell({limit_unit::requests, 36'000, 1h}).size() == 1);  // ten a second are no more
    auto windows = tell({limit_unit::requests, 7, 1s});
    REQUIRE(windows.size() == 2);
    CHECK(windows[1].limit == 7);
    CHECK(windows[1].period == 1s);
    CHECK(windows[1].shown == weir::rate{7, 1s});
    // It tells more again, but the configuration does not.
    CHECK(tell({limit_unit::requests, 1'000, 1s}).size() == 1);
    CHECK(tell({limit_unit::requests, 0, 1s}).size() == 1);
    CHECK(tell({limit_unit::requests, 5}).size() == 1);  // per what?
}

TEST_CASE("answers: a reported limit survives a reload and a change of the factor") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    const std::array all{reported_limit{limit_unit::requests, 7, 1s}};
    w.limits.acquire("h", "metadata").arrived({.status = 200, .limits = all});
    auto h = w.limits.at("h", "metadata");
    h.tune(multiplier::of(0.9));
    REQUIRE(h.inspect().state.windows.size() == 2);
    CHECK(h.inspect().state.windows[0].limit == 9);
    CHECK(h.inspect().state.windows[1].limit == 7);
    REQUIRE(w.limits.reload(weir_test::configured(weir_test::limited({{20, 1s}}))));
    REQUIRE(h.inspect().state.windows.size() == 2);
    CHECK(h.inspect().state.windows[0].limit == 18);
    CHECK(h.inspect().state.windows[1].limit == 7);
}

TEST_CASE(
    "answers: a request that the written rates can hold is not refused for good because they are scaled or told less") {
    weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
    auto h = w.limits.at("h", "metadata");
    h.tune(multiplier::of(0.5));
    CHECK(w.limits.try_acquire("h", "metadata", {.cost = 11}).decision().outcome == weir::outcome::never);
    {
        auto heavy = w.limits.try_acquire("h", "metadata", {.cost = 8});
        REQUIRE(heavy);
        CHECK(h.inspect().state.windows[0].used == 8);  // in full, though the scaled window holds 5
        const std::array all{reported_limit{limit_unit::requests, 3, 1s}};
        heavy.permit().arrived({.status = 200, .limits = all});
    }
    const auto none = w.limits.try_acquire("h", "metadata", {.cost = 8});
    CHECK(none.decision().outcome == weir::outcome::denied);
    w.clock.set(none.decision().retry_at);
    CHECK(w.limits.try_acquire("h", "metadata", {.cost = 8}));
    CHECK(h.inspect().state.windows[1].used == 8);
}

TEST_CASE("answers: a waiter is not refused for good when the rates are scaled") {
    const auto rules = weir_test::configured(tuned_policy({{10, 1s}}));
    const auto waits = [&](auto& limits, weir::testing::manual_clock& clock) {
        auto h = limits.at("h", "metadata");
        limits.acquire("h", "metadata", {.cost = 5}).arrived();
        typename std::remove_reference_t<decltype(limits)>::ticket first, second;
        limits.submit(first, "h", "metadata", {.cost = 8}, clock.now());
        limits.submit(second, "h", "metadata", {.cost = 2}, clock.now());
        h.tune(multiplier::of(0.4));
        const auto granted = [&](auto& t) {
            for (int i = 0; i < 100 && !t.done(); ++i) {
                clock.advance(100ms);
                limits.poll(clock.now());
            }
            REQUIRE(t.done());
            return t.decision().granted();
        };
        REQUIRE(granted(first));
        first.take().release(clock.now());
        CHECK(granted(second));
    };
    weir::testing::manual_clock clock{instant{10s}};
    weir::registry own{weir_test::manual_store{clock}, rules};
    waits(own, clock);
    weir::registry shared{shared_store{clock}, rules};
    waits(shared, clock);
}

TEST_CASE("answers: a reported limit on concurrent requests is obeyed if it is lower") {
    weir_test::manual_limits w{weir_test::limited({{100, 1s}})};
    const std::array two{reported_limit{limit_unit::concurrent_requests, 2}};
    w.limits.acquire("h", "metadata").arrived({.status = 200, .limits = two});
    const auto first = w.limits.try_acquire("h", "metadata"), second = w.limits.try_acquire("h", "metadata");
    CHECK(first);
    CHECK(second);
    const auto third = w.limits.try_acquire("h", "metadata");
    CHECK_FALSE(third);
    CHECK(third.decision().cause == weir::cause::concurrency);
}

TEST_CASE("answers: nothing left stops requests until there is more, little left is spread over the rest of the time") {
    const auto gate_after = [](const weir::feedback& said) {
        weir_test::manual_limits w{weir_test::limited({{10, 1s}})};
        w.limits.acquire("h", "metadata").arrived(said);
        return w.limits.inspect("h", "metadata")->state.gate - w.clock.now();
    };
    const auto left = [&](std::int64_t limit, std::int64_t remaining, weir::duration reset, int status = 200) {
        const std::array all{reported_limit{limit_unit::requests, limit, {}, remaining, reset}};
        return gate_after({.status = status, .limits = all});
    };
    CHECK(left(100, 0, 30s) == 30s);
    CHECK(left(100, 4, 30s) == 6s);  // five parts of the time
    CHECK(left(100, 50, 30s) < 0s);  // half is left
    CHECK(left(100, 9, 500ms) == 50ms);
    CHECK(left(1'000, 99, 1s) < 0s);  // we send no more than that anyway
    CHECK(left(100, 0, 30s, 429) == 30s);

    // The window is our own: it knows better than seconds that were rounded up.
    const std::array ours{reported_limit{limit_unit::requests, 10, 1s, 0, 1s}};
    CHECK(gate_after({.status = 200, .limits = ours}) < 0s);
    CHECK(gate_after({.status = 429, .limits = ours}) == 1s);
    // Retry-After goes before.
    const std::array all{reported_limit{limit_unit::requests, 10, {}, 0, 60s}};
    CHECK(gate_after({.status = 429, .retry_after = 2s, .limits = all}) == 2s);
}
