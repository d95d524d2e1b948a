// SPDX-License-Identifier: MIT
#include "weir/config/explain.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/written.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace {

constexpr std::array<const char*, 7> somewhere{"a.x.org", "a.x.org:81", "*.x.org", "*.x.org:81",
                                               "*.org",   "b.org",      "x.org"};
constexpr std::array<const char*, 4> somehow{"metadata", "landing", "artifact", "*"};

/// A value that is right for most leaves; what is not is a fault, and that stack is passed over.
std::string any_value(weir_test::dice& d, const weir::leaf_rule& rule) {
    switch (rule.type) {
    case weir::value_type::rates:
        return fmt::format("{}/{}s", d.from(1, 9), d.from(1, 3));
    case weir::value_type::boolean:
        return d.chance(50) ? "true" : "false";
    case weir::value_type::word: {
        const auto words = weir::detail::split(rule.words, ",");
        return std::string{d.pick(words)};
    }
    case weir::value_type::number:
        return fmt::format("0.{}", d.from(1, 9));
    default:
        return rule.may_be_none() && d.chance(30) ? std::string{rule.none_word} : fmt::format("{}", d.from(1, 99));
    }
}

weir::layer any_layer(weir_test::dice& d) {
    weir::layer out;
    for (std::int64_t n = d.from(0, 8); n > 0; --n) {
        std::string role = d.pick(somehow);
        std::vector<std::string> path{"defaults"};
        if (d.chance(75))
            path = {"hosts", d.pick(somewhere)};
        else if (role == "*")
            role = "landing";
        const auto& rule = d.chance(60)
                               ? *weir::detail::find_rule(weir::policy_rules, d.chance(50) ? "rates" : "unlimited")
                               : d.pick(weir::policy_rules);
        path.push_back(role);
        for (const auto piece : weir::detail::split(rule.name, "."))
            path.emplace_back(piece);
        out.add_text(weir_test::views(path), any_value(d, rule), weir::source_location{"layer"});
    }
    if (d.chance(30)) {
        const auto& rule = d.pick(weir::process_rules);
        std::vector<std::string> path;
        for (const auto piece : weir::detail::split(rule.name, "."))
            path.emplace_back(piece);
        if (rule.name != "disabled")
            out.add_text(weir_test::views(path), any_value(d, rule), weir::source_location{"layer"});
    }
    return out;
}

}  // namespace

TEST_CASE("the values of an explanation are the policy of its key") {
    const std::uint64_t seed = weir_test::seed_for("explanation against policy");
    weir_test::dice d{seed};
    int compared = 0, shadows = 0, lifted = 0;
    const int cases = weir_test::cases_or(3'000);
    for (int i = 0; i < cases; ++i) {
        std::vector<weir::layer> layers(static_cast<std::size_t>(d.from(1, 4)));
        for (auto& l : layers)
            l = any_layer(d);
        const auto made = weir::resolve(layers);
        if (!made)
            continue;
        for (const char* host : {"a.x.org", "a.x.org:81", "b.org", "c.a.x.org", ""}) {
            const auto e = weir::explain(made, host);
            REQUIRE(e);
            for (const auto& r : e->roles) {
                weir::policy_leaves leaves;
                for (const auto& leaf : r.leaves) {
                    const auto* rule = weir::detail::find_rule(weir::policy_rules, leaf.name);
                    REQUIRE(rule != nullptr);
                    shadows += static_cast<int>(leaf.shadowed.size());
                    if (leaf.name == "rates" && leaf.now.text == "none") {
                        ++lifted;
                        continue;
                    }
                    weir::layer text;
                    text.add_text({leaf.name}, leaf.now.text, weir::source_location{});
                    std::vector<weir::fault> faults;
                    auto value = weir::detail::value_check{*rule, text, text.leaves().front(), faults}();
                    INFO("WEIR_SEED=" << seed << " case " << i << ' ' << leaf.name << ": " << leaf.now.text);
                    REQUIRE(value);
                    leaves.set(*rule, std::move(*value));
                }
                INFO("WEIR_SEED=" << seed << " case " << i << ' ' << host << ' ' << r.role << '\n'
                                  << weir::to_table(*e));
                const auto p = *made->policy_for(host, r.role);
                INFO("policy: unlimited " << p.unlimited << " rates " << p.rates.size() << " burst " << p.burst);
                REQUIRE(leaves.whole() == p);
                ++compared;
            }
        }
    }
    // A test that meets nothing proves nothing.
    CHECK(compared > 3 * cases);
    CHECK(shadows > 10 * cases);
    CHECK(lifted > cases / 10);
}
