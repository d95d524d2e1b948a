// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/trace.hpp"

#include <cstdint>
#include <stdexcept>

TEST_CASE("every decision of a registry equals that of a naive oracle on random traces") {
    const std::uint64_t seed = weir_test::seed_for("registry against the oracle");
    const int traces = weir_test::cases_or(10'000);
    std::int64_t admissions = 0, refusals = 0, queued = 0, abandoned = 0;
    for (int i = 0; i < traces; ++i) {
        weir_test::trace t{seed, i};
        try {
            t.run();
        } catch (const std::runtime_error& e) {
            FAIL("WEIR_SEED=" << seed << " trace " << i << ": " << e.what());
        }
        admissions += t.admissions();
        refusals += t.refusals();
        queued += t.queued_grants();
        abandoned += t.abandonments();
    }
    // A test that meets nothing proves nothing.
    CHECK(admissions > 5 * traces);
    CHECK(refusals > traces);
    CHECK(queued > traces);
    CHECK(abandoned > traces);
}
