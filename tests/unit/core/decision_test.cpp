// SPDX-License-Identifier: MIT
#include "weir/core/decision.hpp"

#include "support/catch.hpp"

TEST_CASE("decision: the default one is a grant without a cause") {
    const weir::decision d;
    CHECK(d.granted());
    CHECK(d.cause == weir::cause::none);
    CHECK_FALSE(d.limit);
    CHECK(d.waited == weir::duration::zero());
}

TEST_CASE("decision: every outcome and cause has its word") {
    using weir::cause, weir::outcome;
    CHECK(to_string(outcome::granted) == "granted");
    CHECK(to_string(outcome::denied) == "denied");
    CHECK(to_string(outcome::never) == "never");
    CHECK(to_string(outcome::cancelled) == "cancelled");
    CHECK(to_string(cause::none) == "none");
    CHECK(to_string(cause::window) == "window");
    CHECK(to_string(cause::gate) == "gate");
    CHECK(to_string(cause::concurrency) == "concurrency");
    CHECK(to_string(cause::inflight) == "inflight");
    CHECK(to_string(cause::never) == "never");
    for (const auto o : {outcome::denied, outcome::never, outcome::cancelled})
        CHECK_FALSE(weir::decision{o, {}, {}, {}, {}}.granted());
}
