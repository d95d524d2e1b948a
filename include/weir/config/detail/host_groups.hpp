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

/// `host` split before its port. The port keeps its colon; it is empty if there is none.
[[nodiscard]] inline std::pair<std::string_view, std::string_view> split_port(std::string_view host) noexcept {
    const auto colon = host.rfind(':');
    if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos)
        return {host, {}};
    return {host.substr(0, colon), host.substr(colon)};
}

/// Calls `visit(name)` for every name that can set leaves of a canonical host, in the order of precedence: the host,
/// the host without its port, and the wildcards that match it, the most specific first and each with the port before
/// the one without. The calls end when `visit` returns true.
///
/// A wildcard as the host stands for every host that it matches.
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
    std::map<std::string, std::vector<std::string>, std::less<>> members{};  ///< of each group, in canonical spelling
    std::map<std::string, std::string, std::less<>> owners{};                ///< the group of each member
    bool wildcards = false;                                                  ///< whether any member is one

    friend bool operator==(const host_groups&, const host_groups&) = default;

    /// Makes `owners` from `members`. If two groups have the same member, the first group in the order of names gets
    /// it.
    void index() {
        owners.clear();
        wildcards = false;
        for (const auto& [group, list] : members)
            for (const std::string& member : list) {
                owners.try_emplace(member, group);
                wildcards = wildcards || member.starts_with("*.");
            }
    }

    /// The member that matches a canonical host, and its group; null if it is in no group.
    [[nodiscard]] const std::pair<const std::string, std::string>* find(std::string_view host) const {
        const std::pair<const std::string, std::string>* out = nullptr;
        if (!owners.empty())
            each_name(host, wildcards, [&](std::string_view name) {
                const auto at = owners.find(name);
                if (at == owners.end())
                    return false;
                out = &*at;
                return true;
            });
        return out;
    }
};

/// One fault of groups: at a member of a group, or at the leaves of a host.
struct group_fault {
    std::string group{};         ///< the group with the fault; empty = the leaves of `member`
    std::string member{};        ///< the entry with the fault; empty = the whole list
    std::string before{};        ///< the message up to the source location of the conflict
    std::string other_group{};   ///< the group of the conflicting member; empty = there is no second location
    std::string other_member{};  ///< the conflicting member; empty = the whole list
    std::string after{};         ///< the message after that location
};

/// The faults of groups, also with regard to the hosts that have their own leaves.
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
