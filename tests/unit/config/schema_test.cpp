// SPDX-License-Identifier: MIT
#include "weir/config/schema.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/environment.hpp"
#include "weir/config/detail/spelling.hpp"

#include "support/catch.hpp"

#include <fstream>
#include <iterator>

TEST_CASE("every flag and variable of one leaf names a leaf that exists", "[config]") {
    for (const auto& v : weir::variable_rules)
        CHECK((v.path.empty() || weir::detail::find_rule(weir::process_rules, v.path) != nullptr));
    for (const auto& f : weir::flag_rules) {
        const bool below_role = f.kind == weir::flag_kind::target || f.kind == weir::flag_kind::mode;
        if (!f.path.empty() && below_role)
            CHECK(weir::detail::find_rule(weir::policy_rules, f.path) != nullptr);
        if (!f.path.empty() && !below_role)
            CHECK(weir::detail::find_rule(weir::process_rules, f.path) != nullptr);
    }
}

TEST_CASE("the manual has a line for every leaf, flag and variable", "[config]") {
    std::ifstream stream{WEIR_SOURCE_DIR "/docs/configuration.md"};
    const std::string manual{std::istreambuf_iterator<char>{stream}, {}};
    const auto has = [&](std::string_view word) {
        INFO(word);
        CHECK(manual.find("`" + std::string{word}) != std::string::npos);
    };
    for (const auto& rule : weir::policy_rules)
        has(rule.name);
    for (const auto& rule : weir::process_rules)
        if (rule.in_files)
            has(rule.name);
    for (const auto& rule : weir::flag_rules)
        has(rule.name);
    for (const auto& rule : weir::variable_rules)
        has(rule.suffix);
}
