// SPDX-License-Identifier: MIT
#include "weir/core/tuner_state.hpp"

#include "support/catch.hpp"

TEST_CASE("tuner_state: a new key has no observations, and its rates are as configured") {
    const weir::tuner_state s;
    CHECK(s.factor.is_one());
    CHECK(s.border == 0);
    CHECK(s.window == weir::long_ago);
    CHECK(s.cut == weir::long_ago);
}

TEST_CASE("tuner_step: it is a view of what was passed, with its state") {
    int calls = 0;
    const auto count = [&](const weir::tuner_state& before) {
        ++calls;
        weir::tuner_state after = before;
        ++after.answers;
        return after;
    };
    const weir::tuner_step step{count};
    CHECK(step(step({})).answers == 2);
    CHECK(calls == 2);
}
