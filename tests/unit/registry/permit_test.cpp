// SPDX-License-Identifier: MIT
#include "weir/registry/permit.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <algorithm>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("permit: an empty one does nothing") {
    weir_test::manual_registry::permit p;
    CHECK_FALSE(p);
    p.arrived();
    p.refund();
    p.release();
}

TEST_CASE("permit: the in-flight slot is taken until the end of the body, the window until T after the headers") {
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
    CHECK(w.limits.try_acquire("h", "metadata").decision().retry_at == weir::instant{16s});
}

TEST_CASE("permit: moving keeps one request, and assignment ends the previous one") {
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

TEST_CASE("permit: a refund removes the request, once") {
    weir_test::manual_limits w{weir_test::limited({{1, 1h}})};
    auto p = w.limits.acquire("h", "metadata");
    p.refund();
    p.refund();
    auto q = w.limits.try_acquire("h", "metadata");
    CHECK(q);
    p.release();
    CHECK(w.limits.inspect("h", "metadata")->state.open == 1);
}

TEST_CASE("permit: the time that a response states moves the gate") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    auto p = w.limits.acquire("h", "metadata");
    auto q = w.limits.acquire("h", "metadata");
    auto r = w.limits.acquire("h", "metadata");
    p.arrived({429, 3s});
    const auto no = w.limits.try_acquire("h", "metadata");
    CHECK(no.decision().cause == weir::cause::gate);
    CHECK(no.decision().retry_at == weir::instant{13s});
    q.arrived({429, 1s});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == weir::instant{13s});
    p.arrived({429, 60s});  // a request is answered once
    CHECK(w.limits.inspect("h", "metadata")->state.gate == weir::instant{13s});
    r.arrived({429, weir::duration::max()});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == weir::far_future);
}

TEST_CASE(
    "permit: a refusal that does not say how long means a second, then two, up to a minute, until one is answered") {
    for (const int status : {429, 503}) {
        weir_test::manual_limits w{weir_test::limited({{100, 1s}})};
        const auto gate_after = [&](weir::feedback said) {
            auto p = w.limits.acquire("h", "metadata");
            p.arrived(said);
            const auto gate = w.limits.inspect("h", "metadata")->state.gate - w.clock.now();
            w.clock.advance(std::max<weir::duration>(gate, 0ms));
            return gate;
        };
        for (const auto s : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s})
            CHECK(gate_after({status}) == s);
        CHECK(gate_after({status, 5s}) == 5s);  // what the server says counts, whatever came before
        CHECK(gate_after({}) == 0s);            // an unknown answer says nothing
        CHECK(gate_after({status}) == 60s);
        CHECK(gate_after({200}) == 0s);
        CHECK(gate_after({status}) == 1s);
        CHECK(gate_after({404}) == 0s);
        CHECK(gate_after({status}) == 1s);
    }
}

TEST_CASE("permit: a burst that is refused together counts as one refusal, and the answer to an earlier request ends "
          "nothing") {
    weir_test::manual_limits w{weir_test::limited({{100, 1s}})};
    std::vector<decltype(w.limits.acquire("h", "metadata"))> burst;
    for (int i = 0; i < 10; ++i)
        burst.push_back(w.limits.acquire("h", "metadata"));
    w.clock.advance(100ms);
    const weir::instant at = w.clock.now();
    for (int i = 0; i < 9; ++i)
        burst[static_cast<std::size_t>(i)].arrived({429});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == at + 1s);
    burst[9].arrived({200});
    w.clock.advance(1s);
    w.limits.acquire("h", "metadata").arrived({429});
    CHECK(w.limits.inspect("h", "metadata")->state.gate == at + 1s + 2s);
}
