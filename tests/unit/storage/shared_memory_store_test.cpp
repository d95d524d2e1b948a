// SPDX-License-Identifier: MIT
#include "weir/storage/shared_memory_store.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/testing/conformance.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using weir::instant;

namespace {

weir::window_plan one_in_ten_seconds() {
    weir::policy p;
    p.rates = {{1, 10s}};
    p.count_from = weir::counting::admission;
    return weir::plan_windows(p);
}

}  // namespace

TEST_CASE("shared_memory_store: it does on random traces what a plain list of every stamp does") {
    weir::testing::conformance_options options;
    options.seed = weir_test::seed_for("common_memory_store");
    options.traces = weir_test::cases_or(1'000);
    const auto make = [] { return weir::shared_memory_store{weir::steady_clock{}, weir::store_time::injected}; };
    for (const std::string& f : weir::testing::conform(make, options))
        FAIL_CHECK(f);
}

TEST_CASE(
    "shared_memory_store: a key exists as long as one of its slots, and is idle when forgetting it changes nothing") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::shared_memory_store store{clock};
    const auto plan = one_in_ten_seconds();
    auto first = store.make_slot("h", "r");
    CHECK(store.idle(first, plan, clock.now()));
    CHECK(store.count(first, plan, 1, clock.now()).admits());
    CHECK_FALSE(store.idle(first, plan, clock.now()));
    {
        auto second = store.make_slot("h", "r");
        CHECK_FALSE(store.count(second, plan, 1, clock.now()).admits());
        auto other = store.make_slot("h", "s");
        CHECK(store.count(other, plan, 1, clock.now()).admits());
        first = store.make_slot("h", "other");
        CHECK_FALSE(store.count(second, plan, 1, clock.now()).admits());
    }
    auto anew = store.make_slot("h", "r");
    CHECK(store.count(anew, plan, 1, clock.now()).admits());
    clock.advance(10s);
    CHECK(store.idle(anew, plan, clock.now()));
}

TEST_CASE("shared_memory_store: under injected time the clock shows what was injected last") {
    weir::shared_memory_store store{weir::steady_clock{}, weir::store_time::injected};
    auto slot = store.make_slot("h", "r");
    CHECK(store.now() == instant{});
    CHECK(store.count(slot, one_in_ten_seconds(), 1, instant{5s}).admits());
    CHECK(store.now() == instant{5s});
    CHECK(store.after(instant{6s}) == instant{6s});
    CHECK_FALSE(store.count(slot, one_in_ten_seconds(), 1, instant{14s}).admits());
    CHECK(store.count(slot, one_in_ten_seconds(), 1, instant{15s}).admits());
}
