// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/composite.hpp"
#include "weir/config/layer.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A variable that sets one leaf: its name after the prefix, and the leaf's path.
struct variable_rule {
    std::string_view suffix;
    std::string_view path;  ///< empty: the variable names a file, and is not a leaf
    std::string_view meaning;
};

/// Every variable except those of single hosts, which are `<prefix>__<host>__<role>`.
inline constexpr std::array<variable_rule, 7> variable_rules{{
    {"_BACKEND", "backend.kind", detail::backend_help},
    {"_DSN", "backend.dsn", "the store's own connection text"},
    {"_GLOBAL_INFLIGHT", "global_max_inflight", "most requests of the process in flight at once, or none"},
    {"_AIMD_ENABLED", "aimd.enabled", "whether rates follow the server's 429 and 503 answers"},
    {"_CONFIG", "", "a configuration file, when no --rate-config is given"},
    {"_DISABLED", "disabled", "turns limiting off as a whole"},
    {"_SHADOW", "shadow", "decides and reports, but neither refuses nor makes wait"},
}};

/// The result of reading the environment.
struct environment {
    layer values{};
    std::optional<std::string> config_path{};
    source_location config_place{};
};

/// Reads the variables that begin with `prefix` and "_" from entries `NAME=value`; it ignores all others.
///
/// A host's variable ends with its role: `DOCSTOKG_RLIMIT__api.example.org__metadata`. Shells allow no dots, so
/// `DOCSTOKG_RLIMIT__api_example_org__metadata` is the same, in upper or lower case. **Errors.** An unknown name, an
/// empty value that has no meaning, and a host without a role are faults of the layer.
[[nodiscard]] inline environment read_environment(std::string_view prefix, std::span<const std::string_view> entries) {
    environment out;
    out.values.kind = layer_kind::environment;
    for (const std::string_view entry : entries) {
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || prefix.empty() || !entry.starts_with(prefix))
            continue;
        const std::string_view name = entry.substr(0, equals);
        const std::string_view value = entry.substr(equals + 1);
        const std::string_view suffix = name.substr(std::min(prefix.size(), name.size()));
        if (!suffix.starts_with('_'))
            continue;
        const source_location at{fmt::format("${}", name)};

        if (suffix.starts_with("__")) {
            const auto last = suffix.rfind("__");
            const std::string_view host = suffix.substr(2, last < 2 ? 0 : last - 2);
            const std::string_view role = suffix.substr(last + 2);
            if (last < 2 || host.empty() || role.empty())
                out.values.add_fault(at, "hosts",
                                     fmt::format("it names no host and role; write {}__HOST__ROLE, such as "
                                                 "{}__api_example_org__metadata",
                                                 prefix, prefix));
            else
                add_composite(out.values, host, role, host_spelling::shell, value, at);
            continue;
        }
        const variable_rule* rule = nullptr;
        for (const auto& candidate : variable_rules)
            if (candidate.suffix == suffix)
                rule = &candidate;
        if (rule == nullptr) {
            std::vector<std::string> known;
            for (const auto& candidate : variable_rules)
                known.push_back(fmt::format("{}{}", prefix, candidate.suffix));
            std::string upper{suffix};
            for (char& c : upper)
                c = detail::is_alpha(c) && !detail::is_upper(c) ? static_cast<char>(c - 'a' + 'A') : c;
            std::vector<std::string_view> suffixes;
            for (const auto& candidate : variable_rules)
                suffixes.push_back(candidate.suffix);
            const std::string guess = closest_match(upper, suffixes);
            out.values.add_fault(at, "",
                                 fmt::format("unknown variable; {}it is one of {}, {}__HOST__ROLE",
                                             guess.empty() ? "" : fmt::format("did you mean {}{}? ", prefix, guess),
                                             fmt::join(known, ", "), prefix));
        } else if (rule->path.empty()) {
            if (value.empty())
                out.values.add_fault(at, "", "it is empty; give a file's path or unset it");
            out.config_path = std::string{value};
            out.config_place = at;
        } else {
            out.values.add_text(detail::split(rule->path, "."), value, at);
        }
    }
    return out;
}

/// The same for the array that C calls `environ`, which ends with a null pointer. A null argument is an empty
/// environment.
[[nodiscard]] inline environment read_environment(std::string_view prefix, const char* const* environ_array) {
    std::vector<std::string_view> entries;
    for (auto* at = environ_array; at != nullptr && *at != nullptr; ++at)
        entries.emplace_back(*at);
    return read_environment(prefix, entries);
}

/// The help text of the variables.
[[nodiscard]] inline std::string environment_help(std::string_view prefix) {
    std::string out = "Rate limit variables:\n";
    for (const auto& rule : variable_rules)
        out += fmt::format("  {:<38} {}\n", fmt::format("{}{}", prefix, rule.suffix), rule.meaning);
    out += fmt::format("  {:<38} leaves of one host and role, such as\n", fmt::format("{}__HOST__ROLE", prefix));
    out += fmt::format("  {:<38} rates:50/SECOND+10000/HOUR,max_delay_ms:250; \"_\" may stand for \".\"\n", "");
    return out;
}

}  // namespace weir
