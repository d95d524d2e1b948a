// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/host_groups.hpp"
#include "weir/config/detail/provenance.hpp"
#include "weir/config/detail/settings.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/policy_leaves.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::detail {

/// Where a group's list and its members were written, in the layer with precedence.
struct written_group {
    source_location at{};
    std::vector<std::pair<std::string, source_location>> members{};
};
using written_groups = std::map<std::string, written_group, std::less<>>;

/// Finds contradictions between leaves that are each correct, after all layers are merged.
class relation_check {
public:
    relation_check(const settings& s, const provenance& written, const written_groups& groups,
                   std::vector<fault>& faults)
        : settings_(s), written_(written), groups_(groups), faults_(faults) {}

    void operator()() {
        if (settings_.aimd.min_multiplier > settings_.aimd.max_multiplier)
            floor_above_ceiling({}, {}, settings_.aimd);
        for (std::size_t i = 0; i < settings_.roles.size(); ++i)
            if (may_clash(settings_.defaults[i]))
                check({}, i);
        const auto ports = ports_of_wildcards();
        for (const auto& [host, roles] : settings_.hosts)
            for (std::size_t i = 0; i < roles.size(); ++i) {
                if (!may_clash(roles[i]))
                    continue;
                check(host, i);
                // A host named without a port may inherit from other wildcards if it has a port.
                if (!ports.empty() && split_port(host).second.empty())
                    each_name(host, true, [&, name = std::string_view{host}](std::string_view wild) {
                        if (const auto at = ports.find(wild); at != ports.end())
                            for (const std::string_view port : at->second)
                                if (const auto key = std::string{name}.append(port); settings_.key_host(key) == key)
                                    check(key, i);
                    });
            }
        for (const group_fault& f : faults_of(settings_.groups, settings_.hosts))
            report(f);
    }

private:
    struct source {
        std::string path{};
        const origin* written = nullptr;  // null: built in
        std::size_t level = 0;            // 0 is the host itself
    };

    static bool may_clash(const policy_leaves& p) {
        return p.has<&policy::aimd, &aimd_options::min_multiplier>() ||
               p.has<&policy::aimd, &aimd_options::max_multiplier>() || p.has<&policy::unlimited>() ||
               p.has<&policy::burst>();
    }

    [[nodiscard]] std::map<std::string_view, std::vector<std::string_view>> ports_of_wildcards() const {
        std::map<std::string_view, std::vector<std::string_view>> out;
        for (const auto& [host, roles] : settings_.hosts)
            if (const auto [name, port] = split_port(host);
                !port.empty() && host.starts_with("*.") && std::ranges::any_of(roles, &relation_check::may_clash))
                out[name].push_back(port);
        return out;
    }

    void check(std::string_view host, std::size_t role) {
        const policy p = settings_.enabled_policy(host, role);
        if (p.aimd.min_multiplier > p.aimd.max_multiplier)
            floor_above_ceiling(host, settings_.roles[role], p.aimd);
        if (p.unlimited && p.burst > 0) {
            const source burst = source_of(host, settings_.roles[role], "burst");
            const source free = source_of(host, settings_.roles[role], "unlimited");
            report(burst, fmt::format("there is no rate to space, because {} is true{}; give rates here, or leave the "
                                      "burst out",
                                      free.path, at(free)));
        }
    }

    void floor_above_ceiling(std::string_view host, std::string_view role, const aimd_options& a) {
        const source floor = source_of(host, role, "aimd.min_multiplier");
        const source ceiling = source_of(host, role, "aimd.max_multiplier");
        const auto strength = [](const source& s) {
            // If two leaves are at the same level, the one of the later layer has precedence.
            return std::tuple{s.level, s.written == nullptr ? 0 : ~s.written->rank};
        };
        if (strength(ceiling) < strength(floor))
            report(ceiling,
                   fmt::format("{} is below min_multiplier {}{}", a.max_multiplier, a.min_multiplier, at(floor)));
        else
            report(floor,
                   fmt::format("{} is above max_multiplier {}{}", a.min_multiplier, a.max_multiplier, at(ceiling)));
    }

    /// The leaf that gives a key its value.
    [[nodiscard]] source source_of(std::string_view host, std::string_view role, std::string_view leaf) {
        source out;
        const auto look = [&](std::string path) {
            out.path = std::move(path);
            out.written = find(out.path);
            out.level += out.written == nullptr ? 1 : 0;
            return out.written != nullptr;
        };
        if (!host.empty())
            each_name(host, settings_.wildcards,
                      [&](std::string_view name) { return look(fmt::format("hosts.{}.{}.{}", name, role, leaf)); });
        if (out.written == nullptr && !role.empty())
            look(fmt::format("defaults.{}.{}", role, leaf));
        if (out.written == nullptr && leaf.starts_with("aimd."))
            look(std::string{leaf});
        return out;
    }

    [[nodiscard]] const origin* find(std::string_view path) {
        if (origins_.empty())  // only a fault needs them
            origins_ = written_.in_words();
        const auto past =
            std::ranges::upper_bound(origins_, path, {}, [](const origin& o) { return std::string_view{o.path}; });
        return past == origins_.begin() || std::prev(past)->path != path ? nullptr : &*std::prev(past);
    }

    [[nodiscard]] static std::string at(const source& s) {
        return s.written == nullptr ? std::string{" (built in)"} : fmt::format(" at {}", s.written->at.text());
    }

    void report(const source& s, std::string message) {
        // A leaf of a wildcard or of the defaults conflicts in every key that inherits it. It is reported once.
        const source_location where = s.written == nullptr ? source_location{} : s.written->at;
        const auto is_told = [&](const fault& f) { return f.path == s.path && f.at.text() == where.text(); };
        if (said_.emplace(s.path, where.text()).second && std::ranges::none_of(faults_, is_told))
            faults_.push_back({where, s.path, std::move(message)});
    }

    void report(const group_fault& f) {
        const std::string other =
            f.other_group.empty() ? "" : fmt::format(" at {}", place_of(f.other_group, f.other_member).text());
        if (!f.group.empty())
            faults_.push_back({place_of(f.group, f.member, true), fmt::format("{}.{}", group_rule.name, f.group),
                               f.before + other + f.after});
        else
            for (std::size_t i = 0; i < settings_.roles.size(); ++i)
                for (const auto& rule : policy_rules)
                    if (const origin* o =
                            find(fmt::format("hosts.{}.{}.{}", f.member, settings_.roles[i], rule.name))) {
                        faults_.push_back({o->at, o->path, f.before + other + f.after});
                        return;
                    }
    }

    /// If a member is in the list twice, its first or its last location.
    [[nodiscard]] source_location place_of(std::string_view group, std::string_view member, bool last = false) const {
        const auto found = groups_.find(group);
        if (found == groups_.end())
            return {};
        source_location out = found->second.at;
        for (const auto& [name, where] : found->second.members)
            if (name == member) {
                out = where;
                if (!last)
                    break;
            }
        return out;
    }

    const settings& settings_;
    const provenance& written_;
    std::vector<origin> origins_{};
    const written_groups& groups_;
    std::vector<fault>& faults_;
    std::set<std::pair<std::string, std::string>> said_{};
};

}  // namespace weir::detail
