// SPDX-License-Identifier: MIT
#include "weir/registry/handle.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <utility>

using namespace std::chrono_literals;

TEST_CASE("handle: it is the key, with the verbs of the registry") {
    weir_test::manual_limits w{weir_test::limited({{2, 1s}})};
    auto h = w.limits.at("H.", "metadata");
    CHECK(h.host() == "h");
    CHECK(h.role() == "metadata");
    auto a = h.acquire();
    auto b = w.limits.try_acquire("h", "metadata");
    CHECK(b);
    CHECK_FALSE(h.try_acquire());
    CHECK_FALSE(h.wait_acquire());
    CHECK_THROWS_AS(h.acquire(), weir::refused);
    auto other = std::move(h);
    CHECK(other.inspect().state.open == 2);
}

TEST_CASE("handle: admit counts units at once and takes no in-flight slot; a HEAD is free") {
    weir_test::manual_limits w{weir_test::limited({{2, 1s}}), 1};
    auto h = w.limits.at("h", "metadata");
    CHECK(h.admit({.method = "HEAD"}).granted());
    CHECK(h.admit().granted());
    CHECK(h.admit().granted());
    CHECK(w.limits.in_flight() == 0);
    const auto no = h.admit();
    CHECK(no.retry_at == weir::instant{11s});
    CHECK(h.admit({.method = "HEAD"}).granted());
    CHECK(h.admit({}, weir::instant{11s}).granted());
}

TEST_CASE("handle: a published denial is cleared as soon as anything changes") {
    auto p = weir_test::limited({{1, 1h}});
    p.count_from = weir::counting::admission;
    weir_test::manual_limits w{p};
    auto h = w.limits.at("h", "metadata");
    auto permit = h.acquire();
    for (int i = 0; i < 3; ++i)
        CHECK(h.try_acquire().decision().limit == weir::rate{1, 1h});
    permit.refund();
    CHECK(h.try_acquire());
    CHECK_FALSE(h.try_acquire());
    w.limits.erase("h", "metadata");
    CHECK(h.try_acquire());
    CHECK_FALSE(h.try_acquire());
    CHECK(w.limits.reload(weir_test::configured(weir_test::limited({{2, 1h}}))));
    CHECK(h.try_acquire());
}

TEST_CASE("handle: 100/HOUR with three cuts admits no more than 100") {
    auto p = weir_test::limited({{100, 1h}});
    p.count_from = weir::counting::admission;
    weir_test::manual_limits w{p};
    auto h = w.limits.at("h", "metadata");
    int admitted = 0;
    double m = 1;
    for (int cut = 0; cut < 4; ++cut, m *= 0.8) {
        h.tune(weir::multiplier::of(m));
        while (h.try_acquire())
            ++admitted;
        w.clock.advance(100ms);
    }
    CHECK(admitted == 100);
    h.tune({});
    CHECK_FALSE(h.try_acquire());
}

TEST_CASE("handle: after any number of cuts a rate still admits") {
    weir_test::manual_limits w{weir_test::limited({{1, 1s}, {2, 2s}, {3, 3s}})};
    auto h = w.limits.at("h", "metadata");
    for (double m = 1; m > 0.01; m *= 0.8) {
        h.tune(weir::multiplier::of(m));
        CHECK(h.acquire());
        w.clock.advance(400s);
    }
}

TEST_CASE("handle: the gate moves forward only, and erase opens it") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    auto h = w.limits.at("h", "metadata");
    h.tune(weir::multiplier::of(0.2));
    CHECK(h.hold_until(weir::instant{20s}));
    CHECK_FALSE(h.hold_until(weir::instant{15s}));
    CHECK(h.try_acquire().decision().cause == weir::cause::gate);
    w.limits.erase("h", "metadata");
    CHECK(h.inspect().state.factor.is_one());
    CHECK(h.inspect().state.windows[0].limit == 5);  // the cut is forgotten with its windows
    CHECK(h.try_acquire());
}
