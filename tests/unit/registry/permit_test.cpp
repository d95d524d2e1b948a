// SPDX-License-Identifier: MIT
#include "weir/registry/permit.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <utility>

using namespace std::chrono_literals;

TEST_CASE("permit: an empty one does nothing") {
    weir_test::manual_registry::permit p;
    CHECK_FALSE(p);
    p.arrived();
    p.refund();
    p.release();
}

TEST_CASE("permit: defect 10: the place is taken until the body is done, the window until T after the headers") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    auto p = w.limits.acquire("h", "metadata");
    w.clock.advance(3s);
    p.arrived();
    w.clock.advance(2s);
    auto seen = w.limits.inspect("h", "metadata")->state;
    CHECK(seen.in_flight == 1);
    CHECK(seen.windows[0].used == 0);
    CHECK(w.limits.in_flight() == 1);
    p.release();
    CHECK_FALSE(p);
    CHECK(w.limits.in_flight() == 0);
    p.release();
    CHECK(w.limits.in_flight() == 0);
}

TEST_CASE("permit: destroyed without an answer it is answered then") {
    weir_test::manual_limits w{weir_test::limited({{1, 1s}})};
    {
        const auto p = w.limits.acquire("h", "metadata");
        w.clock.advance(5s);
    }
    CHECK(w.limits.try_acquire("h", "metadata").why().retry_at == weir::instant{16s});
}

TEST_CASE("permit: moving keeps one request one request, and assignment ends the one before") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    auto a = w.limits.acquire("h", "metadata");
    auto b = std::move(a);
    CHECK_FALSE(a);  // NOLINT: that is the question
    CHECK(w.limits.in_flight() == 1);
    b = w.limits.acquire("h", "metadata");
    CHECK(w.limits.in_flight() == 1);
    b = {};
    CHECK(w.limits.in_flight() == 0);
}

TEST_CASE("permit: a refund is as if it had not been, once") {
    weir_test::manual_limits w{weir_test::limited({{1, 1h}})};
    auto p = w.limits.acquire("h", "metadata");
    p.refund();
    p.refund();
    auto q = w.limits.try_acquire("h", "metadata");
    CHECK(q);
    p.release();
    CHECK(w.limits.inspect("h", "metadata")->state.open == 1);
}

TEST_CASE("permit: what the response asks for moves the gate") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    auto p = w.limits.acquire("h", "metadata");
    p.arrived({429, 3s});
    const auto no = w.limits.try_acquire("h", "metadata");
    CHECK(no.why().why == weir::cause::gate);
    CHECK(no.why().retry_at == weir::instant{13s});
    p.arrived({429, 1s});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == weir::instant{13s});
    p.arrived({429, weir::duration::max()});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == weir::far_future);
}
