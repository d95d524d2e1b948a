// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/host_table.hpp"
#include "weir/config/detail/provenance.hpp"
#include "weir/config/detail/relations.hpp"
#include "weir/config/detail/settings.hpp"
#include "weir/config/detail/spelling.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"
#include "weir/config/value.hpp"
#include "weir/core/key.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::detail {

/// Merges layers into settings. Use one object for each list of layers.
///
/// It visits a layer's keys in their order, with a stack of the open sections. Each section is examined once, and the
/// leaves in it know their host and role from it.
class resolver {
public:
    resolver(std::span<const layer> layers, idna_function idna) : idna_(idna) {
        written_.layers.assign(layers.begin(), layers.end());
    }

    /// The merged settings. If there are faults, do not use them.
    [[nodiscard]] settings operator()() {
        declare_roles();
        for (layer_ = 0; layer_ < written_.layers.size(); ++layer_)
            add(written_.layers[layer_]);
        return finish();
    }

    /// The faults that the checks of relations between leaves add to; see `operator()`.
    std::vector<fault> faults;
    std::vector<fault> notes;

    [[nodiscard]] provenance&& take_written() noexcept { return std::move(written_); }

private:
    /// What a key in an open section can be.
    enum class zone : std::uint8_t {
        top,      ///< a leaf of the process, or a section
        process,  ///< a leaf of the section `backend` or `aimd`
        defaults,
        hosts,
        host,   ///< a role
        role,   ///< a leaf of a policy
        tuner,  ///< a leaf of a policy's section `aimd`
        groups,
        refused,  ///< anything: the fault of its section already reports it
    };
    struct section {
        std::uint32_t index = leaf::top;
        zone holds = zone::refused;
        host_table::host* host = nullptr;  // null in the defaults
        std::uint32_t role = 0;
        bool every = false;
        bool shell = false;  // the role's name is from a variable
    };

    /// The first step, because the meaning of every other leaf may depend on the roles.
    void declare_roles() {
        const leaf_rule* rule = find_rule(process_rules, "roles");
        std::vector<fault> later;  // reported when the layer is added
        for (const layer& l : written_.layers)
            for (const leaf& f : l.leaves())
                if (f.above == leaf::top && l.key(f) == "roles")
                    if (auto v = value_check{*rule, l, f, later}())
                        for (const auto& name : std::get<std::vector<std::string>>(*v))
                            merged_.declare(name);
    }

    void add(const layer& l) {
        faults.insert(faults.end(), l.faults.begin(), l.faults.end());
        process_set_.fill(nullptr);
        group_set_.clear();
        table_.next_layer();
        const std::size_t before = faults.size();
        std::array<section, 8> open{};
        std::size_t depth = 1;
        open[0].holds = zone::top;
        std::uint32_t index = 0;
        for (const leaf& f : l.leaves()) {
            if (faults.size() - before >= max_faults)
                return report(l.at(f), "", fmt::format("these are {} faults; what follows is not checked", max_faults));
            while (depth > 1 && (f.above == leaf::top || open[depth - 1].index > f.above))
                --depth;
            // A section that is deeper than the stack is not on it. Such a section is a fault anyway.
            const section& in = open[depth - 1];
            const bool known = in.index == f.above && in.holds != zone::refused;
            section mine = known ? look(l, f, in) : section{};
            if (f.kind == value_kind::section && depth < open.size()) {
                mine.index = index;
                open[depth++] = mine;
            }
            ++index;
        }
        contradictions(l);
    }

    [[nodiscard]] section look(const layer& l, const leaf& f, const section& in) {
        switch (in.holds) {
        case zone::top:
            return at_top(l, f);
        case zone::process:
            return in_process(l, f);
        case zone::hosts:
            return at_host(l, f);
        case zone::defaults:
        case zone::host:
            return at_role(l, f, in);
        case zone::role:
        case zone::tuner:
            return at_leaf(l, f, in);
        case zone::groups:
            at_group(l, f);
            return {};
        case zone::refused:
            return {};
        }
        return {};
    }

    void report(const source_location& at, std::string path, std::string message) {
        // The leaves of one flag or variable may have the same fault, which is reported once.
        if (!faults.empty() && faults.back().path == path && faults.back().message == message &&
            faults.back().at.text() == at.text())
            return;
        faults.push_back({at, std::move(path), std::move(message)});
    }
    /// Reports a fault of a key.
    section reject(const layer& l, const leaf& f, std::string message) {
        report(l.key_at(f), l.path(f), std::move(message));
        return {};
    }
    /// Reports that a mapping is needed here.
    section reject_kind(const layer& l, const leaf& f, std::string_view what, std::string_view hint = "") {
        constexpr std::array<std::string_view, 4> kinds{"null; leave the key out, or write {}", "a single value",
                                                        "a list", "a mapping"};
        report(f.kind == value_kind::null ? l.key_at(f) : l.at(f), l.path(f),
               fmt::format("it is {}, found {}{}", what, kinds[static_cast<std::size_t>(f.kind)], hint));
        return {};
    }
    /// The checked value of a leaf. `path` makes the path for its faults and notes.
    template <class Path>
    [[nodiscard]] std::optional<checked_value> checked(const leaf_rule& rule, const layer& l, const leaf& f,
                                                       Path&& path) {
        const std::size_t first_fault = faults.size(), first_note = notes.size();
        auto out = value_check{rule, l, f, faults, &notes, idna_}();
        for (std::size_t i = first_fault; i < faults.size(); ++i)
            faults[i].path = path();
        for (std::size_t i = first_note; i < notes.size(); ++i)
            notes[i].path = path();
        return out;
    }
    /// Reports a leaf that this layer has already set, and keeps the first value.
    template <class Path>
    bool is_second(const layer& l, const leaf*& first, const leaf& f, Path&& path, bool secret = false) {
        if (first == nullptr) {
            first = &f;
            return false;
        }
        report(l.at(f), path(),
               fmt::format("it is set twice: already{} at {}; keep one of them",
                           secret || first->item_count == 0 ? ""
                                                            : " " + detail::in_quotes(l.text(l.items(*first).front())),
                           l.at(*first).text()));
        return true;
    }
    void record(const layer& l, const leaf& f, provenance::entry e) {
        e.layer = static_cast<std::uint32_t>(layer_);
        e.leaf = static_cast<std::uint32_t>(&f - l.leaves().data());
        written_.entries.push_back(e);
    }

    /// Whether a leaf comes from a file, which has types and sections; a flag or a variable has none.
    [[nodiscard]] static bool from_file(const layer& l, const leaf& f) {
        return f.item_count == 0 || l.items(f).front().form != scalar_form::text;
    }
    /// Refuses a key with a dot where a file has a mapping, because each leaf has only one spelling.
    bool is_dotted(const layer& l, const leaf& f) {
        const std::string_view key = l.key(f);
        const auto dot = key.find('.');
        if (dot == std::string_view::npos || !from_file(l, f))
            return false;
        reject(l, f,
               fmt::format("found a dot in a key; write {}: {{{}: ...}}", key.substr(0, dot), key.substr(dot + 1)));
        return true;
    }

    section at_top(const layer& l, const leaf& f) {
        const std::string_view key = l.key(f);
        const bool is_section = f.kind == value_kind::section;
        if (key == "hosts" || key == "defaults") {
            if (!is_section)
                return reject_kind(l, f, "a mapping");
            return {.holds = key == "hosts" ? zone::hosts : zone::defaults};
        }
        if (key == group_rule.name) {
            if (!is_section)
                return reject_kind(l, f, "a mapping of lists of hosts");
            return {.holds = zone::groups};
        }
        if (key == "backend" || key == "aimd") {
            if (!is_section)
                return reject_kind(l, f, "a mapping");
            return {.holds = zone::process};
        }
        const auto* rule = find_rule(process_rules, key);
        if (rule == nullptr)
            return reject(l, f, unknown_key(key, process_names("")));
        if (!is_dotted(l, f))
            set_process(l, f, *rule);
        return {};
    }

    section in_process(const layer& l, const leaf& f) {
        const std::string_view name = l.key(l.leaves()[f.above]);
        const auto* rule = find_rule(process_rules, fmt::format("{}.{}", name, l.key(f)));
        if (rule == nullptr)
            return reject(l, f, unknown_key(l.key(f), process_names(name)));
        set_process(l, f, *rule);
        return {};
    }

    void set_process(const layer& l, const leaf& f, const member_rule<settings>& rule) {
        const auto path = [&] { return std::string{rule.name}; };
        if (!rule.in_files && from_file(l, f) && f.item_count != 0) {
            reject(l, f,
                   fmt::format("a file cannot set it: it belongs to one run, as {} or a variable",
                               rule.name == "disabled" ? "--rate-disable" : "--rate-shadow"));
            return;
        }
        const auto number = static_cast<std::size_t>(&rule - process_rules.data());
        if (is_second(l, process_set_[number], f, path, rule.secret))
            return;
        auto value = checked(rule, l, f, path);
        if (!value)
            return;
        rule.store(merged_, std::move(*value));
        record(l, f, {.of = provenance::table::process, .rule = static_cast<std::uint8_t>(number)});
    }

    void at_group(const layer& l, const leaf& f) {
        const std::string group{l.key(f)};
        if (classify_host(group) != host_form::canonical) {
            const auto right = canonical_host(group, idna_);
            const bool guess = right && *right != group && classify_host(*right) == host_form::canonical;
            reject(l, f,
                   fmt::format("a group's name is one or more labels of a-z, 0-9, \"-\" and \"_\" divided by "
                               "dots, and has no port{}",
                               guess ? fmt::format("; write {}", *right) : ""));
            return;
        }
        const auto path = [&] { return fmt::format("{}.{}", group_rule.name, group); };
        if (is_second(l, group_set_[group], f, path))
            return;
        auto value = checked(group_rule, l, f, path);
        if (!value)
            return;
        written_group& list = groups_[group];
        list = {l.at(f), {}};
        auto names = std::get<std::vector<std::string>>(std::move(*value));
        const auto items = l.items(f);
        for (std::size_t i = 0; i < names.size(); ++i)
            list.members.emplace_back(std::move(names[i]), l.at(f, items[std::min(i, items.size() - 1)].at));
        record(l, f, {.host = host_number(group), .of = provenance::table::group});
    }

    section at_host(const layer& l, const leaf& f) {
        std::string_view name = l.key(f);
        section out{.holds = zone::host};
        std::string storage;
        if (f.host == host_spelling::target) {
            auto split = split_target(name, merged_.roles);
            if (!split.fault.empty())
                return reject(l, f, std::move(split.fault));
            name = split.host;
            out.holds = zone::role;
            out.every = split.role == "*";
            out.role = static_cast<std::uint32_t>(out.every ? 0 : *merged_.role_index(split.role));
        } else if (f.host == host_spelling::shell) {
            auto known = host_from_shell(name, known_hosts());
            if (!known)
                return reject(l, f, known.error().message);
            name = storage = *std::move(known);
            out.shell = true;
        }
        auto canonical = canonical_pattern(name, idna_);
        if (!canonical)
            return reject(l, f, canonical.error().message);
        out.host = &table_.at(*std::move(canonical));
        const leaf*& first = out.host->first_of(layer_);
        if (first == nullptr)
            first = &f;
        else if (l.one_spelling && l.key(*first) != l.key(f))
            return reject(l, f,
                          fmt::format("it is the same host as {} at {}; keep one of them",
                                      detail::in_quotes(l.key(*first)), l.key_at(*first).text()));
        return f.kind == value_kind::section ? out : reject_kind(l, f, "a mapping of roles");
    }

    section at_role(const layer& l, const leaf& f, const section& in) {
        std::string_view role = l.key(f);
        std::string small;
        if (in.shell)
            role = small = lower(role);
        section out{.holds = zone::role, .host = in.host, .every = role == "*"};
        const auto index = out.every ? std::size_t{0} : merged_.role_index(role);
        if (!index) {
            if (find_rule(policy_rules, role) == nullptr)
                return reject(l, f, merged_.unknown_role(role).message);
            return reject(l, f,
                          fmt::format("found {} where a role stands; put it below a role: {}.metadata.{}",
                                      detail::in_quotes(role), l.path(l.leaves()[f.above]), role));
        }
        out.role = static_cast<std::uint32_t>(*index);
        return f.kind == value_kind::section ? out : reject_kind(l, f, "a mapping");
    }

    section at_leaf(const layer& l, const leaf& f, const section& in) {
        const std::string_view key = l.key(f);
        if (in.holds == zone::role && key == "aimd") {
            if (f.kind != value_kind::section)
                return reject_kind(l, f, "a mapping",
                                   from_file(l, f) ? "" : "; write one of its leaves, such as aimd.enabled:true");
            section out = in;
            out.holds = zone::tuner;
            return out;
        }
        const auto* rule = in.holds == zone::role ? find_rule(policy_rules, key)
                                                  : find_rule(policy_rules, fmt::format("aimd.{}", key));
        if (rule == nullptr)
            return reject(l, f,
                          unknown_key(key, in.holds == zone::tuner ? policy_names("aimd")
                                           : from_file(l, f)       ? policy_names()
                                                                   : full_names(policy_rules)));
        if (in.holds == zone::tuner || !is_dotted(l, f))
            set(l, f, *rule, in);
        return {};
    }

    void set(const layer& l, const leaf& f, const member_rule<policy>& rule, const section& in) {
        const auto of = in.host == nullptr ? provenance::table::defaults : provenance::table::hosts;
        const auto path = [&] {
            return provenance::path(of, in.host == nullptr ? "" : in.host->name(),
                                    in.every ? "*" : std::string_view{merged_.roles[in.role]}, rule.name);
        };
        const auto number = static_cast<std::size_t>(&rule - policy_rules.data());
        host_table::host& host = in.host == nullptr ? table_.defaults() : *in.host;
        if (is_second(l, host.slot_of(table_.stratum(in.every), in.role).from[number], f, path, rule.secret))
            return;
        auto value = checked(rule, l, f, path);
        if (!value)
            return;
        const std::uint32_t host_index = in.host == nullptr ? 0 : host_number(*in.host);
        const auto last = static_cast<std::uint32_t>(in.every ? merged_.roles.size() : in.role + 1);
        for (std::uint32_t role = in.role; role < last; ++role) {
            auto& slot = host.slot_of(table_.stratum(in.every), role);
            slot.from[number] = &f;
            slot.leaves.set(rule, role + 1 == last ? std::move(*value) : checked_value{*value});
            if (slot.leaves.lifts() && (lifted_.empty() || lifted_.back() != std::pair{&host, role}))
                lifted_.emplace_back(&host, role);
            record(l, f,
                   {.host = host_index,
                    .role = static_cast<std::uint16_t>(role),
                    .of = of,
                    .rule = static_cast<std::uint8_t>(number),
                    .every = in.every});
        }
    }

    /// Reports the contradictions within one layer.
    void contradictions(const layer& l) {
        constexpr auto index = [](std::string_view name) {
            return static_cast<std::size_t>(find_rule(policy_rules, name) - policy_rules.data());
        };
        std::ranges::sort(lifted_, [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first->name() < b.first->name() : a.second < b.second;
        });
        lifted_.erase(std::unique(lifted_.begin(), lifted_.end()), lifted_.end());
        for (const bool every : {true, false})
            for (const auto& [host, role] : lifted_) {
                const auto* s = host->find_slot(table_.stratum(every), role);
                if (s == nullptr || !s->leaves.lifts())
                    continue;
                for (const std::string_view other : {"rates", "burst"}) {
                    const leaf* clash = s->from[index(other)];
                    const auto* burst = s->leaves.get<&policy::burst>();
                    const bool none = other == "burst" && burst != nullptr && *burst == 0;
                    if (clash != nullptr && !none)
                        report(l.at(*clash),
                               provenance::path(host->name().empty() ? provenance::table::defaults
                                                                     : provenance::table::hosts,
                                                host->name(), merged_.roles[role], other),
                               fmt::format("it contradicts unlimited: true at {}; keep one of them",
                                           l.at(*s->from[index("unlimited")]).text()));
                }
            }
        lifted_.clear();
    }

    /// The hosts and groups that the weaker layers name.
    [[nodiscard]] std::set<std::string, std::less<>> known_hosts() const {
        auto known = table_.known();
        for (const auto& [group, list] : groups_) {
            known.insert(group);
            for (const auto& [name, at] : list.members)
                known.insert(name);
        }
        return known;
    }

    std::uint32_t host_number(host_table::host& host) {
        if (!host.number)
            host.number = host_number(host.name());
        return *host.number;
    }
    std::uint32_t host_number(std::string_view name) {
        written_.hosts.emplace_back(name);
        return static_cast<std::uint32_t>(written_.hosts.size() - 1);
    }

    [[nodiscard]] settings finish() {
        table_.merge_into(merged_);
        for (const auto& [group, list] : groups_) {
            std::vector<std::string> members;
            for (const auto& [name, at] : list.members)
                members.push_back(name);
            merged_.groups.members[group] = std::move(members);
        }
        merged_.groups.index();
        written_.roles = merged_.roles;
        relation_check{merged_, written_, groups_, faults}();
        return std::move(merged_);
    }

    idna_function idna_;
    provenance written_{};
    std::size_t layer_ = 0;
    settings merged_{};
    host_table table_{};
    written_groups groups_{};
    std::map<std::string, const leaf*, std::less<>> group_set_{};
    std::array<const leaf*, process_rules.size()> process_set_{};
    std::vector<std::pair<host_table::host*, std::uint32_t>> lifted_{};  // roles of hosts that this layer lifts
};

}  // namespace weir::detail
