// SPDX-License-Identifier: MIT
#include "weir/registry/any_handle.hpp"

#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/limits.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/registry/limits.hpp"

#include <chrono>
#include <utility>

using namespace std::chrono_literals;

TEST_CASE("any_handle: it has a key of any registry; a default one has none") {
    weir_test::manual_limits w{weir_test::limited({{2, 1h}})};
    weir::any_handle none;
    CHECK_FALSE(none);
    weir::any_handle h = w.limits.at("h", "metadata");
    REQUIRE(h);
    CHECK(h.host() == "h");
    CHECK(h.role() == "metadata");
    none = std::move(h);
    CHECK_FALSE(h);
    REQUIRE(none);

    weir::any_permit one = none.acquire();
    CHECK(none.peek().granted());
    CHECK(none.inspect().state.windows[0].used == 1);
    CHECK(none.admit().granted());
    CHECK_FALSE(none.peek().granted());
    CHECK_FALSE(none.try_acquire());
    CHECK_FALSE(none.wait_acquire());
    weir::any_ticket t;
    CHECK(none.submit(t));
    CHECK_FALSE(t.decision().granted());
    one.refund();
    CHECK(none.hold_until(w.clock.now() + 1s));
    CHECK(none.peek().cause == weir::cause::gate);
    w.clock.advance(1s);
    none.tune(weir::multiplier::of(0.5));
    CHECK_FALSE(none.try_acquire());
}

TEST_CASE("any_handle: a coroutine waits on it") {
    weir_test::manual_limits w{weir_test::limited({{1, 1s}})};
    weir::any_handle h = w.limits.at("h", "metadata");
    int granted = 0;
    const auto take = [&]() -> weir_test::detached {
        auto got = co_await h.async_acquire({.max_delay = 1h});
        granted += got ? 1 : 0;
        got.permit().arrived();
    };
    take();
    take();
    CHECK(granted == 1);
    w.clock.advance(1s);
    w.limits.poll();
    CHECK(granted == 2);
}
