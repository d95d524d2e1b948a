// SPDX-License-Identifier: MIT
#include "weir/testing/shared_store.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("shared_store: copies share their keys, and a verb that fails changes nothing") {
    weir::testing::manual_clock clock{instant{10s}};
    weir::testing::shared_store one{clock};
    auto other = one;
    weir::policy p;
    p.rates = {{1, 1s}};
    const auto plan = weir::plan_windows(p);
    auto a = one.make_slot("h", "r");
    auto b = other.make_slot("h", "r");
    weir::entry e;
    std::vector<std::string> verbs;
    one.before([&](std::string_view verb) {
        verbs.emplace_back(verb);
        if (verbs.size() == 1)
            throw weir::store_error{"down"};
    });
    CHECK_THROWS_AS(one.admit(a, plan, 1, clock.now(), e), weir::store_error);
    CHECK(one.admit(a, plan, 1, clock.now(), e).admits());
    CHECK_FALSE(other.count(b, plan, 1, clock.now()).admits());
    CHECK(verbs == std::vector<std::string>{"admit", "admit", "count"});
    CHECK(one.calls() == 3);
}
