// SPDX-License-Identifier: MIT
#include "weir/registry/any_permit.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/registry/registry.hpp"
#include "weir/storage/shared_memory_store.hpp"

#include <chrono>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir_test::limited;
using weir_test::manual_limits;

static_assert(std::is_nothrow_move_constructible_v<weir::any_permit>);
static_assert(!std::is_copy_constructible_v<weir::any_permit>);

TEST_CASE("any_permit: permits of two kinds of registries are in one vector") {
    manual_limits w{limited({{5, 1h}})};
    weir::registry shared{weir::shared_memory_store{w.clock}, weir_test::configured(limited({{5, 1h}}))};
    {
        std::vector<weir::any_permit> all;
        for (int i = 0; i < 3; ++i) {  // the vector grows and moves them
            all.emplace_back(w.limits.acquire("h", "metadata"));
            all.push_back(shared.acquire("h", "metadata"));
        }
        CHECK(w.limits.in_flight() == 3);
        CHECK(shared.in_flight() == 3);
        all.front().refund();
        CHECK_FALSE(all.front());
        all[1].arrived({.status = 200});
        CHECK(all[1]);
        CHECK(w.limits.in_flight() == 2);
    }
    CHECK(w.limits.in_flight() == 0);
    CHECK(shared.in_flight() == 0);
    CHECK(w.limits.inspect("h", "metadata")->state.windows[0].used == 2);
    CHECK(shared.inspect("h", "metadata")->state.windows[0].used == 3);
}

TEST_CASE("any_permit: an empty one does nothing, a moved-from one is empty, assignment releases") {
    manual_limits w{limited({{5, 1h}})};
    weir::any_permit none;
    none.arrived();
    none.release();
    none.refund();
    none.adjust_cost(3);
    CHECK_FALSE(none);
    weir::any_permit a = w.limits.acquire("h", "metadata"), b = w.limits.acquire("h", "metadata");
    CHECK(w.limits.in_flight() == 2);
    a = std::move(b);
    CHECK(w.limits.in_flight() == 1);
    CHECK(a);
    CHECK_FALSE(b);
    a = weir::any_permit{};
    CHECK(w.limits.in_flight() == 0);
    a.release();
    CHECK_FALSE(weir::any_permit{weir_test::manual_registry::permit{}});
}

TEST_CASE("any_admission: a permit, or why there is none") {
    manual_limits w{limited({{1, 1h}})};
    weir::any_admission got = w.limits.try_acquire("h", "metadata");
    REQUIRE(got);
    CHECK(got.permit());
    weir::any_admission not_got = w.limits.try_acquire("h", "metadata");
    CHECK_FALSE(not_got);
    CHECK(not_got.decision().outcome == weir::outcome::denied);
    CHECK_FALSE(not_got.permit());
    weir::any_permit p = std::move(got).take();
    p.refund();
    CHECK(w.limits.try_acquire("h", "metadata"));
}
