// SPDX-License-Identifier: MIT

// Every verb of a registry, with each of its allocations failing once: nothing stays locked, nothing is lost, nothing
// ends the program, and the verb can be repeated.

#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/failing_heap.hpp"

#include "weir/config/configuration.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/registry/limits.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <functional>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;
using weir_test::heap_failure;

// Named, because GCC warns of a coroutine whose frame has types of an unnamed namespace in a file that is included.
namespace lack_of_memory {

using clock_type = weir::testing::manual_clock;
using memory_store = weir::memory_store<clock_type>;
using remote_store = weir::testing::shared_store<clock_type>;

weir::policy searching(std::int64_t limit) {
    weir::policy p;
    p.rates = {{limit, 1s}};
    p.max_delay = 2h;
    p.aimd.enabled = true;
    p.gate_scope = weir::gate_reach::host;
    return p;
}
weir::configuration::builder with_role(std::int64_t limit, std::int64_t ceiling) {
    weir::configuration::builder b;
    b.role("search").defaults("search", searching(limit)).global_max_inflight(ceiling);
    return b;
}

/// A registry in which the key `a` has a request in flight and another that waits, and `b` does not exist.
template <class Limits, class Store>
struct world {
    world() {
        permits.reserve(8);
        first = limits.acquire("a", "search");
        permits.push_back(limits.acquire("a", "search"));
        limits.submit(waits, "a", "search");
        handle = limits.at("a", "search");
    }

    template <class Admission>
    void keep(Admission got) {
        if (got)
            permits.push_back(std::move(got).take());
    }

    /// What can be seen of the keys.
    std::string state() {
        std::string out = fmt::format("{} keys, {} in flight, wake {}; ", limits.size(), limits.in_flight(),
                                      limits.next_wake().time_since_epoch().count());
        for (const char* host : {"a", "b"}) {
            const auto seen = limits.inspect(host, "search");
            if (!seen)
                continue;
            out += fmt::format("{}: {} wait, {} open, {} in flight, gate {}, factor {}, paused {}, rate {};", host,
                               seen->waiting, seen->state.open, seen->state.in_flight,
                               seen->state.gate.time_since_epoch().count(), seen->state.factor.millionths(),
                               seen->is_paused, weir::to_string(seen->policy.rates.at(0)));
            for (const auto& w : seen->state.windows)
                out += fmt::format(" {} of {} in {},", w.used, w.limit, w.period.count());
        }
        return out;
    }

    /// Ends everything, and finds the registry at rest and its keys without references.
    void end() {
        limits.resume("a", "search");
        limits.resume("b", "search");
        limits.at("a", "search").tune({});
        limits.at("b", "search").tune({});
        (void)limits.peek("x.org", "search");  // no reload keeps it from being made
        handle.reset();
        for (int i = 0; i < 20; ++i) {
            clock.advance(1h);
            limits.poll();
            permits.clear();
            first = {};
            for (auto* t : {&waits, &fresh})
                if (t->done() && t->decision().granted() && !std::exchange(taken[t == &waits ? 0 : 1], true))
                    permits.push_back(t->take());
        }
        CHECK(waits.done());
        CHECK(limits.in_flight() == 0);
        CHECK(limits.next_wake() == weir::far_future);
        for (const auto& key : limits.inspect()) {
            CHECK(key.waiting == 0);
            CHECK(key.state.open == 0);
            CHECK(key.state.in_flight == 0);
        }
        waits.~ticket_type();
        ::new (&waits) ticket_type;
        fresh.~ticket_type();
        ::new (&fresh) ticket_type;
        // Only what no permit, handle or ticket refers to may have a role that is gone.
        const auto gone = limits.reload(weir::configuration{});
        CHECK(gone);
    }

    using ticket_type = typename Limits::ticket;
    clock_type clock{instant{10s}};
    weir::configuration other = with_role(3, 9).host_group("g", {"x.org", "y.org"}).build().value();
    weir::policy own = searching(4);
    Limits limits{Store{clock}, with_role(2, 5).build().value()};
    std::vector<typename Limits::permit> permits;
    typename Limits::permit first;
    ticket_type waits, fresh;
    std::array<bool, 2> taken{};
    std::optional<typename Limits::handle> handle;
    int awaited = 0;
};

template <class World>
struct verb {
    const char* name;
    std::function<void(World&)> run;
    bool is_closing = false;
};

template <class World>
weir_test::detached await_one(World& w) {
    try {
        auto got = co_await w.limits.async_acquire("b", "search", {.max_delay = weir::duration{0}});
        ++w.awaited;
        w.keep(std::move(got));
    } catch (const std::bad_alloc&) {
        --w.awaited;
    }
}

template <class World>
std::vector<verb<World>> all_verbs() {
    const auto on_handle = [](World& w) -> auto& { return *w.handle; };
    std::vector<verb<World>> all{
        {"try_acquire", [](World& w) { w.keep(w.limits.try_acquire("a", "search")); }},
        {"try_acquire of a new key", [](World& w) { w.keep(w.limits.try_acquire("b", "search")); }},
        {"wait_acquire", [](World& w) { w.keep(w.limits.wait_acquire("a", "search", {.max_delay = 0s})); }},
        {"wait_acquire of a new key", [](World& w) { w.keep(w.limits.wait_acquire("b", "search")); }},
        {"acquire of a new key", [](World& w) { w.permits.push_back(w.limits.acquire("b", "search")); }},
        {"acquire that is refused",
         [](World& w) {
             try {
                 w.permits.push_back(w.limits.acquire("a", "search", {.max_delay = 0s}));
             } catch (const weir::refused&) {
             }
         }},
        {"at a new key", [](World& w) { w.handle = w.limits.at("b", "search"); }},
        {"submit", [](World& w) { w.limits.submit(w.fresh, "a", "search"); }},
        {"submit to a new key", [](World& w) { w.limits.submit(w.fresh, "b", "search"); }},
        {"submit with a stop token",
         [](World& w) {
             std::stop_source stop;
             w.limits.submit(w.fresh, "a", "search", {.stop = stop.get_token()});
             stop.request_stop();
         }},
        {"async_acquire", [](World& w) { await_one(w); }},
        {"peek", [](World& w) { (void)w.limits.peek("a", "search"); }},
        {"poll", [](World& w) { w.limits.poll(); }},
        {"poll when a waiter's time has come",
         [](World& w) {
             w.first.arrived();
             w.clock.advance(1s);
             w.limits.poll();
         }},
        {"reload", [](World& w) { (void)w.limits.reload(w.other); }},
        {"set_policy", [](World& w) { (void)w.limits.set_policy("a", "search", w.own); }},
        {"set_policy of a new key", [](World& w) { (void)w.limits.set_policy("b", "search", w.own); }},
        {"pause", [](World& w) { w.limits.pause("a", "search"); }},
        {"pause of a new key", [](World& w) { w.limits.pause("b", "search"); }},
        {"resume",
         [](World& w) {
             w.limits.pause("a", "search");
             w.limits.resume("a", "search");
         }},
        {"erase", [](World& w) { w.limits.erase("a", "search"); }},
        {"erase of a tuned key",
         [on_handle](World& w) {
             on_handle(w).tune(weir::multiplier::of(0.5));
             w.limits.erase("a", "search");
         }},
        {"erase of no key", [](World& w) { w.limits.erase("B", "search"); }},
        {"inspect", [](World& w) { (void)w.limits.inspect("a", "search"); }},
        {"inspect all", [](World& w) { (void)w.limits.inspect(); }},
        {"drain", [](World& w) { (void)w.limits.drain(0s); }},
        {"close",
         [](World& w) {
             w.limits.close();
             w.keep(w.limits.try_acquire("a", "search"));
         },
         true},
        {"handle: try_acquire", [on_handle](World& w) { w.keep(on_handle(w).try_acquire()); }},
        {"handle: wait_acquire", [on_handle](World& w) { w.keep(on_handle(w).wait_acquire({.max_delay = 0s})); }},
        {"handle: admit", [on_handle](World& w) { (void)on_handle(w).admit(); }},
        {"handle: peek", [on_handle](World& w) { (void)on_handle(w).peek(); }},
        {"handle: submit", [on_handle](World& w) { on_handle(w).submit(w.fresh, {.max_delay = 90min}); }},
        {"handle: hold_until", [on_handle](World& w) { (void)on_handle(w).hold_until(w.clock.now() + 30min); }},
        {"handle: open_gate",
         [on_handle](World& w) {
             (void)on_handle(w).hold_until(w.clock.now() + 30min);
             (void)on_handle(w).open_gate();
         }},
        {"handle: tune", [on_handle](World& w) { on_handle(w).tune(weir::multiplier::of(0.5)); }},
        {"handle: inspect", [on_handle](World& w) { (void)on_handle(w).inspect(); }},
        {"permit: more than its cost", [](World& w) { w.first.adjust_cost(3); }},
        {"permit: arrived", [](World& w) { w.first.arrived(); }},
        {"permit: arrived, refused", [](World& w) { w.first.arrived({.status = 429, .retry_after = 20s}); }},
        {"permit: arrived with limits",
         [](World& w) {
             const weir::reported_limit low{.limit = 1, .window = 10s, .remaining = 1};
             w.first.arrived({.status = 200, .limits = {&low, 1}});
         }},
        {"permit: release", [](World& w) { w.first.release(); }},
        {"permit: release of an answered one",
         [](World& w) {
             w.first.arrived();
             w.first.release();
         }},
        {"permit: refund", [](World& w) { w.first.refund(); }},
        {"ticket: cancel", [](World& w) { w.waits.cancel(); }},
    };
    return all;
}

struct counts {
    int thrown = 0;
    int hidden = 0;
};

/// `is_exact`: a verb that threw has left nothing behind, so that repeating it ends where it had ended at once.
template <class World>
counts check_all(bool is_exact) {
    counts out;
    for (const auto& v : all_verbs<World>()) {
        World right;
        v.run(right);
        const std::string expected = right.state();
        for (long n = 0;; ++n) {
            CAPTURE(v.name, n);
            World w;
            const heap_failure failed = weir_test::failure_after(n, [&] { v.run(w); });
            if (failed == heap_failure::thrown) {
                ++out.thrown;
                v.run(w);
            }
            out.hidden += failed == heap_failure::hidden ? 1 : 0;
            if (failed == heap_failure::none || (is_exact && failed == heap_failure::thrown))
                CHECK(w.state() == expected);
            w.end();
            if (failed == heap_failure::none)
                break;
            REQUIRE(n < 1'000);
        }
    }
    return out;
}

}  // namespace lack_of_memory

using namespace lack_of_memory;

TEST_CASE("lack of memory: a verb of a registry in this process throws and has done nothing, or does it all") {
    WEIR_NEEDS_FAILING_HEAP();
    const counts c = check_all<world<weir::registry<memory_store>, memory_store>>(true);
    CAPTURE(c.thrown, c.hidden);
    CHECK(c.thrown > 50);
}

TEST_CASE("lack of memory: the same through the facade") {
    WEIR_NEEDS_FAILING_HEAP();
    const counts c = check_all<world<weir::limits, memory_store>>(true);
    CAPTURE(c.thrown, c.hidden);
    CHECK(c.thrown > 50);
}

TEST_CASE("lack of memory: on a shared store it may be a failure of the store, and nothing is lost") {
    WEIR_NEEDS_FAILING_HEAP();
    const counts c = check_all<world<weir::registry<remote_store>, remote_store>>(false);
    CAPTURE(c.thrown, c.hidden);
    CHECK(c.thrown > 50);
    check_all<world<weir::limits, remote_store>>(false);
}

TEST_CASE("lack of memory: a reload that failed keeps no key from being made") {
    WEIR_NEEDS_FAILING_HEAP();
    for (long n = 0;; ++n) {
        CAPTURE(n);
        world<weir::registry<memory_store>, memory_store> w;
        const auto failed = weir_test::failure_after(n, [&] { (void)w.limits.reload(w.other); });
        CHECK(w.limits.try_acquire("x.org", "search"));  // else this waits for the end of the reload for ever
        if (failed == heap_failure::none)
            break;
    }
}

TEST_CASE("lack of memory: a factor that was learned is active after the next answer at the latest") {
    WEIR_NEEDS_FAILING_HEAP();
    int late = 0;
    for (long n = 0;; ++n) {
        CAPTURE(n);
        clock_type clock{instant{10s}};
        weir::policy p = searching(100);
        weir::registry<memory_store> limits{
            memory_store{clock}, weir::configuration::builder{}.role("search").defaults("search", p).build().value()};
        const auto next_permit = [&] {
            clock.advance(1min);
            return limits.acquire("h", "search");
        };
        for (int i = 0; i < 20; ++i)
            next_permit().arrived({.status = 200});
        auto failed = heap_failure::none;
        for (int i = 0; i < 9 && limits.inspect("h", "search")->state.factor.is_one(); ++i) {
            auto permit = next_permit();
            failed = weir_test::failure_after(n, [&] { permit.arrived({.status = 429}); });
        }
        const auto limit = [&] { return limits.inspect("h", "search")->state.windows.at(0).limit; };
        const weir::multiplier m = limits.inspect("h", "search")->state.factor;
        REQUIRE_FALSE(m.is_one());
        late += limit() == 100 ? 1 : 0;
        next_permit().arrived({.status = 200});
        CHECK(limit() < 100);
        if (failed == heap_failure::none)
            break;
    }
    CHECK(late > 0);
}
