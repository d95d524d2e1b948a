// SPDX-License-Identifier: MIT
#include "weir/registry/rules_cache.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

using namespace std::chrono_literals;

TEST_CASE("rulebook: keys with equal policies share one plan") {
    weir::rules_cache book{weir_test::configured(weir_test::limited({{5, 1s}}))};
    const auto a = book.rules_for("a", "metadata", {}).value();
    CHECK(a == book.rules_for("b", "metadata", {}).value());
    CHECK(a != book.rules_for("a", "artifact", {}).value());
    CHECK(a != book.rules_for("a", "metadata", weir::multiplier::of(0.5)).value());
    CHECK(a->plan.windows.at(0).limit == 5);
}

TEST_CASE("rulebook: rules that say the same are shared across reloads") {
    weir::rules_cache old{weir_test::configured(weir_test::limited({{5, 1s}}))};
    weir::rules_cache same{weir_test::configured(weir_test::limited({{5, 1s}}))};
    weir::rules_cache other{weir_test::configured(weir_test::limited({{6, 1s}}))};
    const auto before = old.rules_for("a", "metadata", {}).value();
    CHECK(same.rules_for("a", "metadata", {}, before).value() == before);
    CHECK(same.rules_for("b", "metadata", {}).value() == before);
    CHECK(other.rules_for("a", "metadata", {}, before).value()->plan.windows.at(0).limit == 6);
}

TEST_CASE("rulebook: defect 6: an unknown role is an error that names the nearest") {
    weir::rules_cache book{weir::configuration{}};
    const auto rules = book.rules_for("a", "metdata", {});
    REQUIRE_FALSE(rules);
    CHECK(rules.error().code == weir::errc::unknown_role);
    CHECK(rules.error().message.find("metadata") != std::string::npos);
}
