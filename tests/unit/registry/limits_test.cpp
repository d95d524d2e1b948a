// SPDX-License-Identifier: MIT
#include "weir/registry/limits.hpp"

#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/limits.hpp"

#include "weir/http/limited.hpp"
#include "weir/limiter/retry_budget.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir_test::configured;
using weir_test::limited;

static_assert(weir::http::limiting_registry<weir::limits>);

/// A class that is no template, and holds what limits give.
class worker {
public:
    explicit worker(weir::limits& limits) : limits_(limits), key_(limits.at("h", "metadata")) {}
    bool begin() {
        auto got = key_.try_acquire();
        if (got)
            under_way_.push_back(std::move(got).take());
        return !under_way_.empty();
    }
    void end() { under_way_.clear(); }
    std::int64_t in_flight() const { return limits_.in_flight(); }

private:
    weir::limits& limits_;
    weir::limits::handle key_;
    std::vector<weir::limits::permit> under_way_;
};

struct on_memory {
    static weir::limits make(weir::testing::manual_clock clock, weir::configuration c, weir::limits::options o = {}) {
        return weir::limits{weir::memory_store{clock}, std::move(c), std::move(o)};
    }
};
struct on_any_store {
    static weir::limits make(weir::testing::manual_clock clock, weir::configuration c, weir::limits::options o = {}) {
        return weir::limits{weir::any_store{weir::shared_memory_store{clock}}, std::move(c), std::move(o)};
    }
};

}  // namespace

TEST_CASE("limits: the default store needs no configuration, and is in this process") {
    weir::limits limits{configured(limited({{1, 1h}}))};
    const auto permit = limits.acquire("h", "metadata");
    CHECK_THROWS_AS(limits.acquire("h", "metadata"), weir::refused);
    CHECK_THROWS_AS(limits.acquire("h", "no such role"), weir::exception);
    CHECK(limits.size() == 1);
    CHECK(limits.in_flight() == 1);
    CHECK(limits.around("other", "metadata", "GET", [&] { return limits.in_flight(); }) == 2);
    CHECK(limits.around("third", "metadata", "GET", [](weir::limits::permit& p) { return static_cast<bool>(p); }));
    CHECK(limits.in_flight() == 1);
}

TEMPLATE_TEST_CASE("limits: the verbs are those of the registry, on any store", "", on_memory, on_any_store) {
    weir::testing::manual_clock clock{weir::instant{10s}};
    std::vector<weir::event_type> seen;
    int kicks = 0;
    weir::limits limits = TestType::make(
        clock, configured(limited({{2, 1s}})),
        {.on_event = [&](const weir::event& e) { seen.push_back(e.type); }, .on_earlier_wake = [&] { ++kicks; }});
    CHECK(limits.now() == clock.now());

    auto first = limits.acquire("H", "metadata");
    auto second = limits.wait_acquire("h", "metadata");
    REQUIRE(second);
    CHECK_FALSE(limits.peek("h", "metadata").granted());
    CHECK_FALSE(limits.try_acquire("h", "metadata"));
    CHECK(limits.inspect("h", "metadata")->state.windows[0].used == 2);
    CHECK(limits.inspect().size() == 1);
    first.arrived({.status = 200});
    second.permit().arrived();

    weir::limits::ticket t;
    CHECK_FALSE(limits.submit(t, "h", "metadata", {.max_delay = 1h}));
    CHECK(kicks == 1);
    clock.set(limits.next_wake());
    limits.poll();
    REQUIRE(t.done());
    CHECK(t.decision().granted());
    t.take().release();

    CHECK(limits.reload(configured(limited({{1, 1h}}))));
    CHECK(limits.configuration() == configured(limited({{1, 1h}})));
    CHECK_FALSE(limits.try_acquire("h", "metadata"));
    limits.erase("h", "metadata");
    CHECK(limits.peek("h", "metadata").granted());
    CHECK(std::ranges::count(seen, weir::event_type::acquire) >= 3);
    CHECK(std::ranges::count(seen, weir::event_type::response) == 2);
    CHECK(std::ranges::count(seen, weir::event_type::reload) == 1);
    limits.pause("h", "metadata");
    CHECK(limits.try_acquire("h", "metadata").decision().cause == weir::cause::gate);
}

TEST_CASE("limits: pause and resume, a policy for one key, close and drain") {
    weir::testing::manual_clock clock{weir::instant{10s}};
    weir::limits limits = on_memory::make(clock, configured(limited({{4, 1h}})));
    limits.pause("h", "metadata");
    CHECK_FALSE(limits.try_acquire("h", "metadata"));
    limits.resume("h", "metadata");
    auto one = limits.acquire("h", "metadata", {.cost = 3});
    one.adjust_cost(1);
    one.arrived();
    CHECK(limits.inspect("h", "metadata")->state.windows[0].used == 1);
    CHECK(limits.set_policy("h", "metadata", limited({{1, 1h}})));
    CHECK_FALSE(limits.peek("h", "metadata").granted());
    limits.at("h", "metadata").hold_until(clock.now() + 1h);
    limits.at("h", "metadata").open_gate();
    CHECK(limits.peek("h", "metadata").cause == weir::cause::window);
    limits.close();
    CHECK_FALSE(limits.try_acquire("other", "metadata"));
    CHECK_FALSE(limits.drain(0s));
    one.release();
    CHECK(limits.drain(0s));
}

TEST_CASE("limits: a move disturbs neither permits nor handles") {
    weir::limits moved;
    weir::limits limits{configured(limited({{3, 1h}}))};
    auto permit = limits.acquire("h", "metadata");
    auto key = limits.at("h", "metadata");
    moved = std::move(limits);
    CHECK(moved.in_flight() == 1);
    CHECK(key.try_acquire());
    permit.release();
    CHECK(moved.in_flight() == 0);
    worker w{moved};
    CHECK(w.begin());
    CHECK(w.in_flight() == 1);
    w.end();
    CHECK(w.in_flight() == 0);
}

TEST_CASE("limits: every await is resumed by the program's executor") {
    weir::testing::manual_clock clock{weir::instant{10s}};
    weir_test::ready_queue ready;
    weir::limits limits = on_memory::make(clock, configured(limited({{1, 1s}})),
                                          {.resume = [&](std::coroutine_handle<> h) { ready.post(h); }});
    int granted = 0;
    const auto take = [&]() -> weir_test::detached {
        weir::limits::admission got = co_await limits.async_acquire("h", "metadata", {.max_delay = 1h});
        granted += got ? 1 : 0;
        got.permit().arrived();
    };
    take();
    take();
    CHECK(granted == 1);
    clock.advance(1s);
    limits.poll();
    CHECK(granted == 1);
    CHECK(ready.run_one());
    CHECK(granted == 2);
}

TEST_CASE("limits: an exception of an observer is ignored") {
    weir::limits limits{configured(limited({{1, 1h}})),
                        {.on_event = [](const weir::event&) { throw std::string{"an observer's own trouble"}; }}};
    CHECK(limits.try_acquire("h", "metadata"));
}

TEST_CASE("limits: retries have a budget, on any store") {
    weir::policy p;
    p.rates = {{100, std::chrono::seconds{1}}};
    const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
    weir::limits one{weir::any_store{weir::testing::shared_store<>{}}, config};
    weir::limits two{weir::memory_store{}, config};
    for (weir::limits* limits : {&one, &two}) {
        for (int i = 0; i < 20; ++i)
            limits->count_first("H.org.", "metadata", false);  // one key, however it is spelled
        int got = 0;
        for (int i = 0; i < 10; ++i)
            got += limits->take_retry("h.org", "metadata", {}, true) == weir::retry_grant::budget;
        CHECK(got == 3);
        CHECK_THROWS_AS(limits->count_first("h.org", "no such role", true), weir::exception);
        std::stop_source stop;
        std::jthread later{[&] { stop.request_stop(); }};
        CHECK_FALSE(limits->wait_for(std::chrono::hours{1}, stop.get_token()));
        limits->close();
        CHECK_FALSE(limits->wait_for(std::chrono::hours{1}));
    }
}
