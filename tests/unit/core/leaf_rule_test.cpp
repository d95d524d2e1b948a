// SPDX-License-Identifier: MIT
#include "weir/core/leaf_rule.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <optional>

namespace {

enum class side : std::uint8_t { left, right };
struct inner {
    double share = 0.5;
};
struct owner {
    std::int64_t count = 0;
    side at = side::left;
    weir::duration wait = weir::forever;
    std::optional<weir::duration> grace{};
    inner in{};
};

using weir::detail::member_leaf;
constexpr std::array rules{
    member_leaf<owner, &owner::count>("count", "", {.min = 1, .max = 9, .none_word = "none"}),
    member_leaf<owner, &owner::at>("at", "", {.words = "left, right"}),
    member_leaf<owner, &owner::wait>("wait", "", {.max = 9, .open_ended = true, .none_word = "none"}),
    member_leaf<owner, &owner::grace>("grace", "", {.max = 9, .none_word = "auto"}),
    member_leaf<owner, &owner::in, &inner::share>("in.share", "", {.min = 0.000001, .max = 1}),
};

}  // namespace

TEST_CASE("a member of any type becomes a value and a member again, none included") {
    const owner none{};
    CHECK(rules[0].value_in(none) == weir::checked_value{});
    CHECK(rules[1].value_in(none) == weir::checked_value{std::string{"left"}});
    CHECK(rules[2].value_in(none) == weir::checked_value{});
    CHECK(rules[3].value_in(none) == weir::checked_value{});
    const owner some{3, side::right, weir::duration{5}, weir::duration{7}, {0.25}};
    owner out;
    for (const auto& rule : rules)
        rule.store(out, rule.value_in(some));
    CHECK((out.count == 3 && out.at == side::right && out.wait == weir::duration{5} && out.in.share == 0.25));
    CHECK(out.grace == weir::duration{7});
    for (const auto& rule : rules)
        rule.store(out, rule.value_in(none));
    CHECK((out.count == 0 && out.at == side::left && out.wait == weir::forever && !out.grace));
}

TEST_CASE("a member outside its range is a fault, where the range is not open") {
    std::vector<std::string> faults;
    const auto count = [&](const owner& o) {
        faults.clear();
        weir::detail::add_range_faults(rules, o, faults);
        return faults.size();
    };
    CHECK(count({}) == 0);
    CHECK(count({.count = 10}) == 1);
    CHECK(faults.front() == "count: 10 is outside 1 to 9");
    CHECK(count({.count = -1}) == 1);
    CHECK(count({.wait = weir::duration{-1}}) == 1);
    CHECK(count({.wait = weir::forever - weir::duration{1}}) == 0);
    CHECK(count({.grace = std::chrono::seconds{1}}) == 1);
    CHECK(count({.in = {2}}) == 1);
    CHECK(faults.front() == "in.share: 2 is outside 0.000001 to 1");
}
