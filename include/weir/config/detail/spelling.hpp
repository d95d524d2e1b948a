// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::detail {

/// The rule of a leaf, or null.
template <class Table>
[[nodiscard]] constexpr auto find_rule(const Table& table, std::string_view name) noexcept -> decltype(table.data()) {
    for (const auto& rule : table)
        if (rule.name == name)
            return &rule;
    return nullptr;
}

/// The names that a file may have at the start of a table's leaves (`section` is empty) or in one of its sections.
template <class Table>
[[nodiscard]] std::vector<std::string_view> file_names(const Table& table, std::string_view section,
                                                       std::vector<std::string_view> out = {}) {
    for (const auto& rule : table) {
        const auto dot = rule.name.find('.');
        const bool here = section.empty() || rule.name.substr(0, dot) == section;
        const auto name = section.empty() ? rule.name.substr(0, dot) : rule.name.substr(dot + 1);
        if (here && rule.in_files && std::ranges::find(out, name) == out.end())
            out.push_back(name);
    }
    return out;
}

[[nodiscard]] inline std::vector<std::string_view> policy_names(std::string_view section = {}) {
    return file_names(policy_rules, section);
}
[[nodiscard]] inline std::vector<std::string_view> process_names(std::string_view section) {
    return section.empty() ? file_names(process_rules, section, {"defaults", "hosts", group_rule.name})
                           : file_names(process_rules, section);
}

/// The names that a flag or a variable may have; they have no mappings.
template <class Table>
[[nodiscard]] std::vector<std::string_view> full_names(const Table& table) {
    std::vector<std::string_view> out;
    for (const auto& rule : table)
        out.push_back(rule.name);
    return out;
}

/// The message for an unknown key.
[[nodiscard]] inline std::string unknown_key(std::string_view key, const std::vector<std::string_view>& known) {
    const std::string guess = closest_match(lower(key), known);
    return fmt::format("unknown key {}; {}it is one of {}", detail::in_quotes(key),
                       guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess), fmt::join(known, ", "));
}

struct target {
    std::string_view host;
    std::string_view role;  ///< "*" if the text has no role
    std::string fault{};
};

/// Splits HOST or HOST.ROLE: the text after the last dot is a role only if it is the name of a known one.
[[nodiscard]] inline target split_target(std::string_view text, std::span<const std::string> roles) {
    const auto dot = text.rfind('.');
    if (dot == std::string_view::npos || dot == 0)
        return {text, "*", {}};
    const std::string last = lower(text.substr(dot + 1));
    for (const std::string& role : roles)
        if (role == last)
            return {text.substr(0, dot), role, {}};
    // A misspelt role must not become part of a host: no request would ever have that host, so its leaves would have no
    // effect. Short labels are top-level domains.
    const std::string guess = last.size() < 5 ? "" : closest_match(last, roles);
    if (guess.empty() || edit_distance(last, guess) > 2)
        return {text, "*", {}};
    return {text, "*",
            fmt::format("unknown role {}: did you mean \"{}\"? If it is part of the host, write --rate-host-override "
                        "HOST:ROLE=...",
                        detail::in_quotes(last), guess)};
}

/// The host that a variable's name means. A shell allows only letters, digits and "_" in such a name.
///
/// A name with any other character was not set by a shell and is used as it is. Otherwise it is compared with the hosts
/// of the configuration, with "_" for every other character. If none matches, "_" is a dot.
[[nodiscard]] inline result<std::string> host_from_shell(std::string_view name,
                                                         const std::set<std::string, std::less<>>& known) {
    const auto plain = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
    if (!std::ranges::all_of(name, plain))
        return std::string{name};
    const std::string wanted = lower(name);
    std::vector<std::string_view> matches;
    for (const std::string& host : known) {
        const auto same = [plain](char h, char w) { return h == w || (w == '_' && !plain(h)); };
        if (std::ranges::equal(host, wanted, same))
            matches.push_back(host);
    }
    if (matches.size() > 1)
        return error{errc::bad_host, fmt::format("{} may be any of {}; set the variable under the host's own name with "
                                                 "env(1), or use --rate-host-override",
                                                 detail::in_quotes(name), fmt::join(matches, ", "))};
    if (matches.size() == 1)
        return std::string{matches.front()};
    std::string out = wanted;
    std::ranges::replace(out, '_', '.');
    return out;
}

}  // namespace weir::detail
