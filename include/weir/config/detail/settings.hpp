// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/host_groups.hpp"
#include "weir/config/policy_leaves.hpp"
#include "weir/core/aimd.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/policy_rules.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::detail {

struct configuration_access;

/// The roles of every configuration.
inline constexpr std::array<std::string_view, 3> builtin_roles{"metadata", "landing", "artifact"};

/// The leaves of a role that no layer sets. A role that a user declares starts like `metadata`, so it always has a
/// limit.
[[nodiscard]] inline policy_leaves make_builtin_leaves(std::string_view role) {
    using std::chrono::hours, std::chrono::milliseconds, std::chrono::seconds;
    policy p;
    p.rates = {{10, seconds{1}}, {5000, hours{1}}};
    p.max_delay = milliseconds{200};
    if (role == "landing") {
        p.rates = {{5, seconds{1}}, {2000, hours{1}}};
        p.max_delay = milliseconds{250};
    } else if (role == "artifact") {
        p.rates = {{2, seconds{1}}, {500, hours{1}}};
        p.max_delay = milliseconds{2000};
    }
    return policy_leaves::of(p);
}
[[nodiscard]] inline const policy_leaves& builtin_leaves(std::string_view role) {
    static const std::array<policy_leaves, builtin_roles.size()> all{make_builtin_leaves(builtin_roles[0]),
                                                                     make_builtin_leaves(builtin_roles[1]),
                                                                     make_builtin_leaves(builtin_roles[2])};
    return all[role == builtin_roles[1] ? 1 : role == builtin_roles[2] ? 2 : 0];
}

/// Why a text cannot be the name of a role, or "". A role follows a dot in flags and two underscores in variables.
[[nodiscard]] inline std::string role_name_fault(std::string_view name) {
    bool good = !name.empty() && name.size() <= 64 && name.front() >= 'a' && name.front() <= 'z' && name.back() != '_';
    for (const char c : name)
        good = good && ((c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_');
    if (good && name.find("__") == std::string_view::npos)
        return {};
    return fmt::format("role {}: a role is 1 to 64 of a-z, 0-9, \"-\" and single \"_\", beginning with a letter",
                       detail::in_quotes(name));
}

/// A host, or `*.` and a name for every host below it, in canonical spelling.
[[nodiscard]] inline result<std::string> canonical_pattern(std::string_view host, idna_function idna) {
    const bool wild = host.starts_with("*.");
    if (!wild && host.find('*') != std::string_view::npos)
        return error{errc::bad_host, fmt::format("host {}: \"*\" stands only for whole labels at the front, as in "
                                                 "\"*.example.org\"; the limits of every host are under defaults",
                                                 detail::in_quotes(host))};
    auto name = canonical_host(wild ? host.substr(2) : host, idna);
    if (name && wild)
        name->insert(0, "*.");
    return name;
}

/// The data of a `configuration`.
struct settings {
    using by_role = std::vector<policy_leaves>;  // it ends with the last role that has leaves

    std::vector<std::string> roles{builtin_roles.begin(), builtin_roles.end()};
    std::vector<policy_leaves> defaults = std::vector<policy_leaves>(builtin_roles.size());
    std::map<std::string, by_role, std::less<>> hosts{};
    bool wildcards = false;
    std::int64_t global_max_inflight = 500;
    backend_options backend{};
    aimd_options aimd{};
    bool disabled = false;
    bool shadow = false;
    host_groups groups{};

    friend bool operator==(const settings&, const settings&) = default;

    [[nodiscard]] std::optional<std::size_t> role_index(std::string_view role) const noexcept {
        for (std::size_t i = 0; i < roles.size(); ++i)
            if (roles[i] == role)
                return i;
        return std::nullopt;
    }

    /// The error for a role that is not declared.
    [[nodiscard]] error unknown_role(std::string_view role) const {
        const std::string guess = closest_match(lower(role), roles);
        return error{errc::unknown_role, fmt::format("unknown role {}: {}a role is one of {}, or declared under roles",
                                                     detail::in_quotes(role),
                                                     guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess),
                                                     fmt::join(roles, ", "))};
    }

    void declare(std::string_view role) {
        if (role_index(role))
            return;
        roles.emplace_back(role);
        defaults.emplace_back();
    }

    /// The leaves of a canonical host's role; they are made if there are none.
    policy_leaves& leaves_of(const std::string& host, std::size_t role) {
        by_role& all = hosts[host];
        if (all.size() <= role)
            all.resize(role + 1);
        wildcards = wildcards || host.starts_with("*.");
        return all[role];
    }

    /// The host of a canonical host's key: its group's name, or itself.
    [[nodiscard]] std::string_view key_host(std::string_view host) const {
        const auto* found = groups.find(host);
        return found == nullptr ? host : std::string_view{found->second};
    }

    [[nodiscard]] result<policy> policy_for(std::string_view host, std::string_view role) const {
        const auto index = role_index(role);
        if (!index)
            return unknown_role(role);
        if (disabled)
            return policy{.rates = {}, .unlimited = true};
        policy out = enabled_policy(key_host(host), *index);
        out.enforce = out.enforce && !shadow;
        return out;
    }

    /// The policy of a key's host when limiting is on.
    [[nodiscard]] policy enabled_policy(std::string_view host, std::size_t role) const {
        policy_leaves out;
        if (!hosts.empty())
            each_name(host, wildcards, [&](std::string_view name) {
                const auto found = hosts.find(name);
                if (found != hosts.end() && role < found->second.size())
                    out.inherit(found->second[role]);
            });
        out.inherit(defaults[role]);
        out.inherit(policy_leaves::of(aimd));
        out.inherit(builtin_leaves(roles[role]));
        return out.whole();
    }
};

/// The faults of settings as a whole, one line for each.
[[nodiscard]] inline std::vector<std::string> faults_of(const settings& s) {
    std::vector<std::string> faults;
    for (std::string& fault : weir::faults_of(s.aimd))
        faults.push_back(std::move(fault));
    if (s.global_max_inflight < 0)
        faults.push_back(fmt::format("global_max_inflight: {} is negative; 0 means no ceiling", s.global_max_inflight));
    if (std::ranges::find(known_backends, s.backend.kind, &known_backend::kind) == known_backends.end())
        faults.push_back(
            fmt::format("backend.kind: {} is none of {}", detail::in_quotes(s.backend.kind), backend_words));
    for (const group_fault& f : faults_of(s.groups, s.hosts))
        faults.push_back(fmt::format("{}.{}: {}{}", f.group.empty() ? "hosts" : "host_groups",
                                     f.group.empty() ? f.member : f.group, f.before, f.after));
    const auto check = [&](std::string_view section, std::string_view host, std::size_t role) {
        for (const std::string& fault : weir::faults_of(s.enabled_policy(host, role)))
            faults.push_back(fmt::format("{}{}{}.{}.{}", section, host.empty() ? "" : ".", host, s.roles[role], fault));
    };
    for (std::size_t i = 0; i < s.roles.size(); ++i)
        if (!s.defaults[i].is_empty())
            check("defaults", "", i);
    for (const auto& [host, by_role] : s.hosts)
        for (std::size_t i = 0; i < by_role.size(); ++i)
            if (!by_role[i].is_empty())
                check("hosts", host, i);
    return faults;
}

}  // namespace weir::detail
