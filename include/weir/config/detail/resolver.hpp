// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/relations.hpp"
#include "weir/config/detail/settings.hpp"
#include "weir/config/detail/spelling.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"
#include "weir/config/value.hpp"
#include "weir/core/detail/text.hpp"
#include "weir/core/key.hpp"
#include "weir/core/nearest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace weir {

namespace detail {

/// Merges layers into settings. One object for one stack of layers.
class resolver {
public:
    explicit resolver(idna_function idna) : idna_(idna) {}

    /// First of all, because every other leaf's meaning may depend on which roles there are.
    void declare_roles(std::span<const layer> layers) {
        const leaf_rule* rule = find_rule(process_rules, "roles");
        std::vector<fault> later;  // reported where the layer is added
        for (const layer& l : layers)
            for (const leaf& f : l.leaves)
                if (f.path.size() == 1 && f.path[0] == "roles")
                    if (auto v = value_check{*rule, f, "roles", later}())
                        for (const auto& name : std::get<std::vector<std::string>>(*v))
                            merged_.declare(name);
    }

    void add(const layer& l) {
        faults.insert(faults.end(), l.faults.begin(), l.faults.end());
        ++layer_;
        kind_ = l.kind;
        every_ = &strata_.emplace_back();
        here_ = &strata_.emplace_back();
        process_set_.fill(nullptr);
        group_set_.clear();
        spellings_.clear();
        bad_ = nullptr;
        const std::size_t before = faults.size();
        for (const leaf& f : l.leaves) {
            if (faults.size() - before >= most_faults)
                return report(f.at, "", fmt::format("these are {} faults; what follows is not checked", most_faults));
            if (bad_ != nullptr && is_below(f.path, *bad_))
                continue;  // its section's fault says it all
            bad_ = nullptr;
            if (f.path[0] == "defaults" || f.path[0] == "hosts")
                add_policy(f, l);
            else if (f.path[0] == group_rule.name)
                add_group(f);
            else
                add_process(f);
        }
        contradictions(*every_);
        contradictions(*here_);
    }

    [[nodiscard]] settings finish() {
        // The strongest first, as `inherit` wants it. "Every role of this host" is weaker than a role named in the same
        // layer.
        for (auto all = strata_.rbegin(); all != strata_.rend(); ++all)
            for (auto& [where, s] : *all) {
                policy_leaves& into =
                    where.first.empty() ? merged_.defaults[where.second] : merged_.leaves_of(where.first, where.second);
                if (into == policy_leaves{})
                    into = std::move(s.leaves);
                else
                    into.inherit(s.leaves);
            }
        for (const auto& [group, list] : groups_) {
            std::vector<std::string> members;
            for (const auto& [name, at] : list.members)
                members.push_back(name);
            merged_.groups.members[group] = std::move(members);
        }
        merged_.groups.index();
        std::ranges::sort(origins, [](const origin& a, const origin& b) {
            return std::tie(a.path, a.rank) < std::tie(b.path, b.rank);
        });
        relation_check{merged_, origins, groups_, faults}();
        return std::move(merged_);
    }

    std::vector<fault> faults;
    std::vector<fault> notes;
    std::vector<origin> origins;

private:
    struct slot {
        policy_leaves leaves{};
        std::array<const leaf*, policy_rules.size()> from{};
    };
    using slots = std::map<std::pair<std::string, std::size_t>, slot>;  // host ("" = defaults) and role

    static bool is_below(const std::vector<std::string>& path, const std::vector<std::string>& section) {
        return path.size() >= section.size() && std::equal(section.begin(), section.end(), path.begin());
    }

    void report(const place& at, std::string path, std::string message) {
        // The leaves of one flag or variable share their fault; it is said once.
        if (!faults.empty() && faults.back().path == path && faults.back().message == message &&
            faults.back().at.text() == at.text())
            return;
        faults.push_back({at, std::move(path), std::move(message)});
    }
    void skip_below(const leaf& f) {
        if (f.kind == value_kind::section)
            bad_ = &f.path;
    }
    void reject(const leaf& f, std::size_t depth, std::string message) {
        skip_below(f);
        report(f.at,
               fmt::format("{}", fmt::join(f.path.begin(), f.path.begin() + static_cast<std::ptrdiff_t>(depth), ".")),
               std::move(message));
    }
    [[nodiscard]] static std::string found(const leaf& f) {
        switch (f.kind) {
        case value_kind::null:
            return "null; leave the key out, or write {}";
        case value_kind::list:
            return "a list";
        case value_kind::section:
            return "a mapping";
        case value_kind::one:
            return "a single value";
        }
        return {};
    }
    void record(const leaf& f, const leaf_rule& rule, std::string path, bool every = false) {
        std::string text = f.kind == value_kind::null ? "null" : "";
        for (const scalar& s : f.items)
            text.append(text.empty() ? "" : ", ").append(s.text);
        origins.push_back(
            {std::move(path), rule.secret ? "(hidden)" : std::move(text), f.at, 2 * layer_ + (every ? 0 : 1), kind_});
    }
    /// Reports a leaf that this layer has set before; keeps the first.
    bool is_second(const leaf*& first, const leaf& f, const std::string& path, bool secret) {
        if (first != nullptr) {
            report(f.at, path,
                   fmt::format("it is set twice: already{} at {}; keep one of them",
                               secret || first->items.empty() ? "" : " " + detail::in_quotes(first->items[0].text),
                               first->at.text()));
            return true;
        }
        first = &f;
        return false;
    }

    /// Whether a leaf comes from a file, which knows types and sections; a flag and a variable do not.
    [[nodiscard]] static bool from_file(const leaf& f) {
        return f.items.empty() || f.items[0].form != scalar_form::text;
    }
    /// Refuses a key with a dot in it where a file has a mapping: each leaf has one spelling.
    bool is_dotted(const leaf& f, std::size_t at) {
        const auto dot = f.path[at].find('.');
        if (dot == std::string::npos || !from_file(f))
            return false;
        reject(f, at + 1,
               fmt::format("found a dot in a key; write {}: {{{}: ...}}", f.path[at].substr(0, dot),
                           f.path[at].substr(dot + 1)));
        return true;
    }

    void add_process(const leaf& f) {
        const std::string path = fmt::format("{}", fmt::join(f.path, "."));
        const auto* rule = find_rule(process_rules, path);
        if (rule != nullptr && f.path.size() == 1 && is_dotted(f, 0))
            return;
        if (rule != nullptr && (rule->in_files || !from_file(f) || f.items.empty())) {
            if (is_second(process_set_[static_cast<std::size_t>(rule - process_rules.data())], f, path, rule->secret))
                return;
            auto value = value_check{*rule, f, path, faults, &notes}();
            if (!value)
                return skip_below(f);
            rule->store(merged_, std::move(*value));
            record(f, *rule, path);
            return;
        }
        if (rule != nullptr)
            return reject(f, f.path.size(),
                          fmt::format("a file cannot set it: it belongs to one run, as {} or a variable",
                                      path == "disabled" ? "--rate-disable" : "--rate-shadow"));
        const bool section = f.path[0] == "backend" || f.path[0] == "aimd";
        if (section && f.path.size() == 1) {
            if (f.kind != value_kind::section)
                reject(f, 1, fmt::format("it is a mapping, found {}", found(f)));
            return;
        }
        if (!section && f.path.size() > 1 && find_rule(process_rules, f.path[0]) != nullptr)
            return reject(f, 1, "found a mapping; " + allowed(*find_rule(process_rules, f.path[0])));
        const std::size_t depth = section ? 2 : 1;
        reject(f, depth, unknown_key(f.path[depth - 1], process_names(section ? f.path[0] : "")));
    }

    void add_group(const leaf& f) {
        if (f.path.size() == 1) {
            if (f.kind != value_kind::section)
                reject(f, 1, fmt::format("it is a mapping of lists of hosts, found {}", found(f)));
            return;
        }
        const std::string& group = f.path[1];
        if (classify_host(group) != host_form::canonical) {
            const auto right = canonical_host(group, idna_);
            const bool guess = right && *right != group && classify_host(*right) == host_form::canonical;
            return reject(f, 2,
                          fmt::format("a group's name is one or more labels of a-z, 0-9, \"-\" and \"_\" divided by "
                                      "dots, and has no port{}",
                                      guess ? fmt::format("; write {}", *right) : ""));
        }
        const std::string path = fmt::format("{}.{}", group_rule.name, group);
        if (f.path.size() > 2)
            return reject(f, 2, "found a mapping; " + allowed(group_rule));
        if (is_second(group_set_[group], f, path, false))
            return;
        auto value = value_check{group_rule, f, path, faults, &notes, idna_}();
        if (!value)
            return skip_below(f);
        written_group& list = groups_[group];
        list = {f.at, {}};
        auto names = std::get<std::vector<std::string>>(std::move(*value));
        for (std::size_t i = 0; i < names.size(); ++i)
            list.members.emplace_back(std::move(names[i]), f.items[std::min(i, f.items.size() - 1)].at);
        record(f, group_rule, path);
    }

    void add_policy(const leaf& f, const layer& l) {
        const bool by_host = f.path[0] == "hosts";
        const std::size_t role_at = by_host && f.host != host_spelling::target ? 2 : 1;
        std::size_t name_at = role_at + 1;
        if (f.path.size() == 1) {
            if (f.kind != value_kind::section)
                reject(f, 1, fmt::format("it is a mapping, found {}", found(f)));
            return;
        }
        std::string host;
        std::string_view role = f.path.size() > role_at ? std::string_view{f.path[role_at]} : std::string_view{};
        if (by_host) {
            std::string_view name = f.path[1];
            std::string storage;
            if (f.host == host_spelling::target) {
                name_at = 2;
                auto split = split_target(name, merged_.roles);
                if (!split.fault.empty())
                    return reject(f, 2, std::move(split.fault));
                name = split.host;
                role = split.role;
            } else if (f.host == host_spelling::shell) {
                auto known = host_from_shell(name, known_hosts());
                if (!known)
                    return reject(f, 2, known.error().message);
                storage = *std::move(known);
                name = storage;
            }
            auto canonical = canonical_pattern(name, idna_);
            if (!canonical)
                return reject(f, 2, canonical.error().message);
            host = *std::move(canonical);
            if (l.one_spelling) {
                const auto [first, fresh] = spellings_.try_emplace(host, &f);
                if (!fresh && first->second->path[1] != f.path[1])
                    return reject(f, 2,
                                  fmt::format("it is the same host as {} at {}; keep one of them",
                                              detail::in_quotes(first->second->path[1]), first->second->at.text()));
            }
        }
        if (role.empty()) {
            if (f.kind != value_kind::section)
                reject(f, f.path.size(), fmt::format("it is a mapping of roles, found {}", found(f)));
            return;
        }
        std::string small;
        if (f.host == host_spelling::shell)
            role = small = lower(role);
        const bool every = role == "*";
        const auto index = every ? std::size_t{0} : merged_.role_index(role);
        if (!index) {
            std::string why = merged_.unknown_role(role).message;
            if (find_rule(policy_rules, role) != nullptr)
                why = fmt::format(
                    "found {} where a role stands; put it below a role: {}.metadata.{}", detail::in_quotes(role),
                    fmt::join(f.path.begin(), f.path.begin() + static_cast<std::ptrdiff_t>(role_at), "."), role);
            return reject(f, std::min(role_at + 1, f.path.size()), std::move(why));
        }
        if (f.path.size() <= name_at) {
            if (f.kind != value_kind::section)
                reject(f, f.path.size(), fmt::format("it is a mapping, found {}", found(f)));
            return;
        }
        const std::string& name = f.path[name_at];
        const bool section = name == "aimd";
        if (section && f.path.size() == name_at + 1) {
            if (f.kind != value_kind::section)
                reject(f, name_at + 1,
                       fmt::format("it is a mapping, found {}{}", found(f),
                                   from_file(f) ? "" : "; write one of its leaves, such as aimd.enabled:true"));
            return;
        }
        const std::size_t end = name_at + (section ? 2 : 1);
        const auto* rule = find_rule(policy_rules, section ? fmt::format("{}.{}", name, f.path[name_at + 1]) : name);
        if (rule == nullptr)
            return reject(f, end,
                          unknown_key(f.path[end - 1], section        ? policy_names(name)
                                                       : from_file(f) ? policy_names()
                                                                      : full_names(policy_rules)));
        if (!section && is_dotted(f, name_at))
            return;
        if (f.path.size() > end)
            return reject(f, end, "found a mapping; " + allowed(*rule));
        set(f, *rule, host, *index, every);
    }

    void set(const leaf& f, const stored_rule<policy_leaves>& rule, const std::string& host, std::size_t role,
             bool every) {
        const std::string stem = host.empty() ? "defaults." : "hosts." + host + ".";
        const std::string path = fmt::format("{}{}.{}", stem, every ? "*" : merged_.roles[role], rule.name);
        slot& first = every ? (*every_)[{host, role}] : (*here_)[{host, role}];
        if (is_second(first.from[static_cast<std::size_t>(&rule - policy_rules.data())], f, path, rule.secret))
            return;
        const auto value = value_check{rule, f, path, faults, &notes}();
        if (!value)
            return skip_below(f);
        for (std::size_t i = every ? 0 : role; i < (every ? merged_.roles.size() : role + 1); ++i) {
            slot& s = i == role ? first : (*every_)[{host, i}];
            s.from[static_cast<std::size_t>(&rule - policy_rules.data())] = &f;
            rule.store(s.leaves, checked_value{*value});
            record(f, rule, fmt::format("{}{}.{}", stem, merged_.roles[i], rule.name), every);
        }
    }

    /// Reports what one layer says against itself.
    void contradictions(const slots& all) {
        constexpr auto index = [](std::string_view name) {
            return static_cast<std::size_t>(find_rule(policy_rules, name) - policy_rules.data());
        };
        for (const auto& [where, s] : all) {
            const auto& [host, role] = where;
            if (s.leaves.unlimited != true)
                continue;
            for (const std::string_view other : {"rates", "burst"}) {
                const leaf* clash = s.from[index(other)];
                const bool set = other == "rates" ? s.leaves.rates.has_value() : s.leaves.burst.value_or(0) > 0;
                if (clash != nullptr && set)
                    report(clash->at,
                           fmt::format("{}{}.{}", host.empty() ? "defaults." : "hosts." + host + ".",
                                       merged_.roles[role], other),
                           fmt::format("it contradicts unlimited: true at {}; keep one of them",
                                       s.from[index("unlimited")]->at.text()));
            }
        }
    }

    /// The hosts and groups that the weaker layers name.
    [[nodiscard]] const std::set<std::string, std::less<>>& known_hosts() {
        for (; known_strata_ + 2 < strata_.size(); ++known_strata_)
            for (const auto& [where, s] : strata_[known_strata_])
                if (!where.first.empty())
                    known_.insert(where.first);
        for (const auto& [group, list] : groups_) {
            known_.insert(group);
            for (const auto& [name, at] : list.members)
                known_.insert(name);
        }
        return known_;
    }

    idna_function idna_;
    std::size_t layer_ = 0;
    layer_kind kind_ = layer_kind::file;
    settings merged_{};
    std::deque<slots> strata_;  // two a layer, the weaker first
    slots* every_ = nullptr;
    slots* here_ = nullptr;
    written_groups groups_;
    std::map<std::string, const leaf*, std::less<>> group_set_;
    std::set<std::string, std::less<>> known_;
    std::size_t known_strata_ = 0;
    std::array<const leaf*, process_rules.size()> process_set_{};
    std::map<std::string, const leaf*, std::less<>> spellings_;
    const std::vector<std::string>* bad_ = nullptr;
};

}  // namespace detail
}  // namespace weir
