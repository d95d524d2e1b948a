// SPDX-License-Identifier: MIT
#include "weir/registry/key_report.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <chrono>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("key_report: it has the key, its rules, the use of its windows and the number of waiters") {
    weir_test::manual_limits w{weir_test::limited({{5, 1s}})};
    const auto permit = w.limits.acquire("H.org", "metadata");
    const weir::key_report report = w.limits.inspect("h.org", "metadata").value();
    CHECK(report.key.host == "h.org");
    CHECK(report.key.role == "metadata");
    CHECK(report.policy.rates == std::vector<weir::rate>{{5, 1s}});
    CHECK(report.state.windows.at(0).used == 1);
    CHECK(report.waiting == 0);
}
