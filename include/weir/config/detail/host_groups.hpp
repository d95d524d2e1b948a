// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::detail {

/// `host` split before its port; the port keeps its colon, and is empty when there is none.
[[nodiscard]] inline std::pair<std::string_view, std::string_view> split_port(std::string_view host) noexcept {
    const auto colon = host.rfind(':');
    if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos)
        return {host, {}};
    return {host.substr(0, colon), host.substr(colon)};
}

/// Calls `visit(name)` for every name that may speak for a canonical host, the strongest first: itself, itself without
/// its port, and the wildcards that match it, the most specific first and each with the port before the one without. A
/// visit that returns true is the last.
///
/// A wildcard given as the host stands for every host that it matches.
template <class Visit>
void each_name(std::string_view host, bool wildcards, Visit&& visit) {
    const auto last = [&visit](std::string_view name) {
        if constexpr (std::is_void_v<decltype(visit(name))>)
            return visit(name), false;
        else
            return visit(name);
    };
    const auto [name, port] = split_port(host);
    if (last(host) || (!port.empty() && last(name)) || !wildcards)
        return;
    std::string wild;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
        wild.assign("*").append(name.substr(dot)).append(port);
        if (!port.empty() && last(wild))
            return;
        if (last(std::string_view{wild}.substr(0, wild.size() - port.size())))
            return;
    }
}

/// Which hosts share one budget.
struct host_groups {
    std::map<std::string, std::vector<std::string>, std::less<>> members{};  ///< of each group, in one spelling
    std::map<std::string, std::string, std::less<>> owners{};                ///< the group of each member
    bool wildcards = false;                                                  ///< whether any member is one

    friend bool operator==(const host_groups&, const host_groups&) = default;

    /// Makes `owners` of `members`. Of two groups with one member the first in the order of their names has it.
    void index() {
        owners.clear();
        wildcards = false;
        for (const auto& [group, list] : members)
            for (const std::string& member : list) {
                owners.try_emplace(member, group);
                wildcards = wildcards || member.starts_with("*.");
            }
    }

    /// The member that stands for a canonical host and its group; null when it is in none.
    [[nodiscard]] const std::pair<const std::string, std::string>* find(std::string_view host) const {
        const std::pair<const std::string, std::string>* out = nullptr;
        if (!owners.empty())
            each_name(host, wildcards, [&](std::string_view name) {
                const auto at = owners.find(name);
                return at != owners.end() && (out = &*at, true);
            });
        return out;
    }
};

/// One thing that is wrong with groups: at a member of a group, or at the leaves of a host.
struct group_fault {
    std::string group{};         ///< whose list is at fault; empty = the leaves of `member`
    std::string member{};        ///< the entry at fault; empty = the list as a whole
    std::string before{};        ///< the message up to the place of what it clashes with
    std::string other_group{};   ///< whose member it clashes with; empty = there is no second place
    std::string other_member{};  ///< empty = that list as a whole
    std::string after{};         ///< the message behind that place
};

/// What is wrong with groups beside the hosts that have leaves of their own.
template <class Hosts>
[[nodiscard]] std::vector<group_fault> faults_of(const host_groups& groups, const Hosts& hosts) {
    std::vector<group_fault> faults;
    for (const auto& [group, list] : groups.members) {
        if (list.empty())
            faults.push_back(
                {group, {}, "the group has no members; name at least one host, or leave it out", {}, {}, {}});
        std::map<std::string_view, int> seen;
        for (const std::string& member : list) {
            if (const auto& owner = groups.owners.find(member)->second; owner != group)
                faults.push_back({group, member, fmt::format("{} is in group {} too", in_quotes(member), owner), owner,
                                  member, ": a host has one budget; keep it in one of them"});
            else if (++seen[member] == 2)
                faults.push_back({group, member, fmt::format("{} is there twice", in_quotes(member)), group, member,
                                  "; keep one of them"});
        }
        if (const auto* found = groups.find(group))
            faults.push_back({found->second,
                              found->first,
                              fmt::format("{} is or matches the name of group {}", in_quotes(found->first), group),
                              group,
                              {},
                              fmt::format(": below hosts, {} could mean either; give the group another name, such as "
                                          "its first label",
                                          group)});
    }
    for (const auto& [name, leaves] : hosts)
        if (const auto* found = groups.members.contains(name) ? nullptr : groups.find(name))
            faults.push_back({{},
                              name,
                              fmt::format("it belongs to group {} by {}", found->second, in_quotes(found->first)),
                              found->second,
                              found->first,
                              fmt::format(", so leaves of its own count for nothing; put them below hosts.{}, or take "
                                          "it out of the group",
                                          found->second)});
    return faults;
}

}  // namespace weir::detail
