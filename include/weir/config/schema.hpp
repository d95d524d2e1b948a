// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/core/aimd.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/leaf_rule.hpp"
#include "weir/core/policy_rules.hpp"

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir {

namespace detail {

/// A leaf that changes no member, or more than one.
[[nodiscard]] consteval member_rule<settings> free_leaf(
    std::string_view name, std::string_view meaning, leaf_rule rule,
    void (*write)(const leaf_rule&, settings&, checked_value&&) = [](const leaf_rule&, settings&, checked_value&&) {}) {
    rule.name = name;
    rule.meaning = meaning;
    return {rule, [](const leaf_rule&, const settings&) { return checked_value{}; }, write, nullptr};
}
template <auto... Path>
[[nodiscard]] consteval member_rule<settings> process_leaf(std::string_view name, std::string_view meaning,
                                                           const leaf_rule& rule = {}) {
    return member_leaf<settings, Path...>(name, meaning, rule);
}

inline constexpr std::array run_rules{
    free_leaf("version", "of this format", {.type = value_type::whole, .min = 1, .max = 1, .no_default = "1"}),
    free_leaf("checked", "when somebody last compared the file with its source; has no effect",
              {.type = value_type::text, .no_default = "\"\""}),
    free_leaf("source", "where the limits are written down; has no effect",
              {.type = value_type::text, .no_default = "\"\""}),
    free_leaf("roles", "further roles besides metadata, landing and artifact",
              {.type = value_type::names, .no_default = "none"},
              [](const leaf_rule&, settings& s, checked_value&& v) {
                  for (const auto& name : std::get<std::vector<std::string>>(v))
                      s.declare(name);
              }),
    process_leaf<&settings::global_max_inflight>("global_max_inflight",
                                                 "most requests of the process in flight at once",
                                                 {.min = 1, .max = max_count, .none_word = "none"}),
    process_leaf<&settings::disabled>("disabled", "turns limiting off as a whole", {.in_files = false}),
    process_leaf<&settings::shadow>(
        "shadow", "enforces nothing and reports everything: as enforce: false in every role", {.in_files = false}),
    process_leaf<&settings::backend, &backend_options::kind>("backend.kind", "where the logs live",
                                                             {.words = backend_words}),
    process_leaf<&settings::backend, &backend_options::dsn>("backend.dsn", "the store's own connection text",
                                                            {.secret = true, .no_default = "\"\""}),
};

}  // namespace detail

/// Every leaf outside the policies and the groups.
inline constexpr auto process_rules =
    detail::join(detail::run_rules, detail::aimd_rules<detail::settings, &detail::settings::aimd>);

/// The value of each group below `host_groups`.
inline constexpr leaf_rule group_rule{.name = "host_groups",
                                      .type = value_type::hosts,
                                      .no_default = "none",
                                      .meaning = "hosts that share one budget: below hosts, the group's name stands "
                                                 "for them all"};

}  // namespace weir
