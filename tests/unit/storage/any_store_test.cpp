// SPDX-License-Identifier: MIT
#include "weir/storage/any_store.hpp"

#include "support/catch.hpp"
#include "support/plain_store.hpp"
#include "support/seed.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/conformance.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

namespace {

weir::window_plan one_a_second() {
    weir::policy p;
    p.rates = {{1, 1s}};
    p.count_from = weir::counting::admission;
    return weir::plan_windows(p);
}

}  // namespace

static_assert(weir::store<weir::any_store> && !weir::any_store::is_local);
static_assert(!std::is_constructible_v<weir::any_store, weir::memory_store<>>, "it relies on the key's lock");
static_assert(std::is_copy_constructible_v<weir::any_store> && !std::is_default_constructible_v<weir::any_store>);

TEST_CASE("any_store: on memory it does on random traces what a plain list of every stamp does") {
    weir::testing::conformance_options options;
    options.seed = weir_test::seed_for("any_store, memory");
    options.traces = weir_test::cases_or(1'000);
    const auto make = [] {
        return weir::any_store{weir::shared_memory_store{weir::steady_clock{}, weir::store_time::injected}};
    };
    for (const std::string& f : weir::testing::conform(make, options))
        FAIL_CHECK(f);
}

TEST_CASE("any_store: copies are the same store") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::any_store one{weir::shared_memory_store{clock}};
    weir::any_store other = one;
    auto a = one.make_slot("h", "r");
    auto b = other.make_slot("h", "r");
    CHECK(one.count(a, one_a_second(), 1, clock.now()).admits());
    CHECK_FALSE(other.count(b, one_a_second(), 1, clock.now()).admits());
    CHECK(other.now() == instant{10s});
}

using plain_store = weir_test::plain_store<weir::shared_memory_store<>>;

TEST_CASE("any_store: on a store of five verbs it counts, keeps the tuner's state itself, and gives no leases") {
    static_assert(!weir::counting_store<plain_store> && !weir::reducible_store<plain_store> &&
                  !weir::tunable_store<plain_store>);
    weir::any_store store{plain_store{weir::shared_memory_store<>{weir::steady_clock{}, weir::store_time::injected}}};
    CHECK_FALSE(store.is_reducible());
    CHECK_FALSE(store.is_tunable());
    auto slot = store.make_slot("h", "r");
    weir::policy p;
    p.rates = {{2, 1s}};
    const auto plan = weir::plan_windows(p);
    CHECK(store.count(slot, plan, 1, instant{1s}).admits());
    CHECK(store.read(slot, plan, instant{1s}).open == 0);
    CHECK(store.read(slot, plan, instant{1s}).in_flight == 0);
    CHECK(store.count(slot, plan, 0, instant{1s}).admits());
    CHECK(store.count(slot, plan, 2, instant{1s}).at == instant{2s});
    weir::entry e;
    CHECK(store.admit(slot, plan, 2, instant{2s}, e).admits());
    store.reduce(slot, plan, e, 1, instant{2s});
    CHECK(e.cost == 2);  // what is not given back goes on counting
    store.tune(slot, weir::multiplier::of(0.5));
    const auto learned = store.learn(slot, [](weir::tuner_state s) {
        ++s.answers;
        s.recovered = instant{100s};
        return s;
    });
    CHECK(learned.factor == weir::multiplier::of(0.5));
    CHECK(store.factor(slot) == weir::multiplier::of(0.5));
    CHECK(store.read(slot, plan, instant{2s}).factor == weir::multiplier::of(0.5));
    store.settle(slot, plan, e, weir::settlement::refunded, instant{2s});
    CHECK_FALSE(store.idle(slot, plan, instant{99s}));
    CHECK(store.idle(slot, plan, instant{100s}));
    store.erase(slot);
    CHECK(store.factor(slot).is_one());
}

TEST_CASE("any_store: a gate is taken away by hand where the store in it can do that, and else stays") {
    const weir::configuration c =
        weir::configuration::builder{}.defaults("metadata", weir::policy{.rates = {{5, 1s}}}).build().value();
    for (const bool can : {true, false}) {
        weir::any_store store = can ? weir::any_store{weir::shared_memory_store{}}
                                    : weir::any_store{plain_store{weir::shared_memory_store<>{}}};
        CHECK(store.is_openable() == can);
        weir::registry<weir::any_store> limits{store, c};
        auto h = limits.at("h", "metadata");
        CHECK(h.hold_until(limits.store().now() + 1h));
        CHECK(h.open_gate() == can);
        CHECK((h.inspect().state.gate == weir::long_ago) == can);
    }
}

TEST_CASE("any_store: a failure of the store in it is the caller's") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::testing::shared_store held{clock};
    weir::any_store store{held};
    CHECK(store.is_reducible());
    CHECK(store.is_tunable());
    auto slot = store.make_slot("h", "r");
    const auto plan = one_a_second();
    weir::entry e;
    CHECK(store.admit(slot, plan, 1, clock.now(), e).admits());
    CHECK(store.admit(slot, plan, 1, clock.now(), e).cause == weir::cause::window);
    held.before([](std::string_view) { throw weir::store_error{"down"}; });
    CHECK_THROWS_AS(store.admit(slot, plan, 1, clock.now(), e), weir::store_error);
}

TEST_CASE("any_store: flush calls the store's own if it has one") {
    struct sending : weir::shared_memory_store<> {
        int* flushed = nullptr;
        void flush() { ++*flushed; }
    };
    int flushed = 0;
    sending inner;
    inner.flushed = &flushed;
    weir::any_store{inner}.flush();
    weir::any_store{weir::shared_memory_store<>{}}.flush();
    CHECK(flushed == 1);
}
