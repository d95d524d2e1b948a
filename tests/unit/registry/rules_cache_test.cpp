// SPDX-License-Identifier: MIT
#include "weir/registry/rules_cache.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <memory>

using namespace std::chrono_literals;

TEST_CASE("rules_cache: keys with equal policies share one plan") {
    weir::rules_cache book{weir_test::configured(weir_test::limited({{5, 1s}})),
                           std::make_shared<weir::policy_overrides>()};
    const auto a = book.rules_for("a", "metadata", {}).value();
    CHECK(a == book.rules_for("b", "metadata", {}).value());
    CHECK(a != book.rules_for("a", "artifact", {}).value());
    CHECK(a != book.rules_for("a", "metadata", weir::multiplier::of(0.5)).value());
    CHECK(a->plan.windows.at(0).limit == 5);
}

TEST_CASE("rules_cache: rules that say the same are shared across reloads") {
    weir::rules_cache old{weir_test::configured(weir_test::limited({{5, 1s}})),
                          std::make_shared<weir::policy_overrides>()};
    weir::rules_cache same{weir_test::configured(weir_test::limited({{5, 1s}})),
                           std::make_shared<weir::policy_overrides>()};
    weir::rules_cache other{weir_test::configured(weir_test::limited({{6, 1s}})),
                            std::make_shared<weir::policy_overrides>()};
    const auto before = old.rules_for("a", "metadata", {}).value();
    CHECK(same.rules_for("a", "metadata", {}, before).value() == before);
    CHECK(same.rules_for("b", "metadata", {}).value() == before);
    CHECK(other.rules_for("a", "metadata", {}, before).value()->plan.windows.at(0).limit == 6);
}

TEST_CASE("rules_cache: an unknown role is an error that names the nearest") {
    weir::rules_cache book{weir::configuration{}, std::make_shared<weir::policy_overrides>()};
    const auto rules = book.rules_for("a", "metdata", {});
    REQUIRE_FALSE(rules);
    CHECK(rules.error().code == weir::errc::unknown_role);
    CHECK(rules.error().message.find("metadata") != std::string::npos);
}

TEST_CASE("rules_cache: a policy that was set for one key stands above the configuration") {
    const auto own = std::make_shared<weir::policy_overrides>();
    weir::rules_cache book{weir_test::configured(weir_test::limited({{5, 1s}})), own};
    own->set("a", "metadata", weir_test::limited({{3, 1s}}));
    CHECK(book.rules_for("a", "metadata", {}).value()->plan.windows.at(0).limit == 3);
    CHECK(book.rules_for("b", "metadata", {}).value()->plan.windows.at(0).limit == 5);
    own->clear("a", "metadata");
    CHECK(book.rules_for("a", "metadata", {}).value()->plan.windows.at(0).limit == 5);
}
