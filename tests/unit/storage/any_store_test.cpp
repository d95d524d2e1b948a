// SPDX-License-Identifier: MIT
#include "weir/storage/any_store.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/storage/common_memory_store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/common_store.hpp"
#include "weir/testing/conformance.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

namespace {

/// A place that counts.
struct counted {
    int free = 1;
    bool take() { return free > 0 && (--free, true); }
    void give_back() noexcept { ++free; }
};

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
        return weir::any_store{weir::common_memory_store{weir::steady_clock{}, weir::store_time::injected}};
    };
    for (const std::string& f : weir::testing::conform(make, options))
        FAIL_CHECK(f);
}

TEST_CASE("any_store: copies are the same store") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::any_store one{weir::common_memory_store{clock}};
    weir::any_store other = one;
    auto a = one.make_slot("h", "r");
    auto b = other.make_slot("h", "r");
    CHECK(one.count(a, one_a_second(), 1, clock.now()).admits());
    CHECK_FALSE(other.count(b, one_a_second(), 1, clock.now()).admits());
    CHECK(other.now() == instant{10s});
}

TEST_CASE("any_store: the caller's place is taken, and given back when the store denies or fails") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::testing::common_store held{clock};
    weir::any_store store{held};
    auto slot = store.make_slot("h", "r");
    const auto plan = one_a_second();
    weir::entry e;
    counted place;
    CHECK(store.admit(slot, plan, 1, clock.now(), place, e).admits());
    CHECK(place.free == 0);
    CHECK(store.admit(slot, plan, 1, clock.now(), place, e).why == weir::cause::inflight);
    place.free = 1;
    CHECK(store.admit(slot, plan, 1, clock.now(), place, e).why == weir::cause::window);
    CHECK(place.free == 1);
    held.before([](std::string_view) { throw weir::store_error{"down"}; });
    CHECK_THROWS_AS(store.admit(slot, plan, 1, clock.now(), place, e), weir::store_error);
    CHECK(place.free == 1);
}

TEST_CASE("any_store: flush reaches a store that has one, and is nothing to others") {
    struct sending : weir::common_memory_store<> {
        int* flushed = nullptr;
        void flush() { ++*flushed; }
    };
    int flushed = 0;
    sending inner;
    inner.flushed = &flushed;
    weir::any_store{inner}.flush();
    weir::any_store{weir::common_memory_store<>{}}.flush();
    CHECK(flushed == 1);
}
