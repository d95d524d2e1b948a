// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/canonical.hpp"
#include "weir/config/detail/settings.hpp"
#include "weir/config/detail/spelling.hpp"
#include "weir/config/explanation.hpp"
#include "weir/config/resolve.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

namespace detail {

/// Finds every source location of a key's leaves, under the names by which the configuration finds them.
class explainer {
public:
    explicit explainer(const resolution& made) : origins_(made.origins()) {}

    [[nodiscard]] std::vector<explained_leaf> of_key(std::string_view host, std::string_view role) const {
        std::vector<std::string> stems;
        if (!host.empty())
            each_name(host, true,
                      [&](std::string_view name) { stems.push_back(fmt::format("hosts.{}.{}.", name, role)); });
        stems.push_back(fmt::format("defaults.{}.", role));
        const auto written = [&](std::string_view name) {
            occurrences out;
            for (std::size_t i = 0; i < stems.size(); ++i)
                add(out, stems[i] + std::string{name}, i);
            if (find_rule(process_rules, name) != nullptr)
                add(out, std::string{name}, stems.size());
            return out;
        };

        // `rates` and `unlimited` exclude each other: policy_leaves::whole decides which one has an effect.
        const occurrences stated = written("unlimited"), rates = written("rates");
        const bool lifting = !stated.empty() && says_true("unlimited", stated[0]);
        const bool outdone = lifting && !rates.empty() && rates[0].is_above(stated[0]);

        const policy builtin = builtin_leaves(role).whole();
        std::vector<explained_leaf> out;
        for (const auto& rule : policy_rules) {
            const bool of_rates = rule.name == "rates" || rule.name == "burst";
            const occurrences mine = written(rule.name);
            std::optional<explained_value> decider;
            if (rule.name == "unlimited" && outdone)
                decider = value(rule, rates[0], "false");
            if (of_rates && lifting && !outdone && (mine.empty() || stated[0].is_above(mine[0])))
                decider = value(rule, stated[0], "none");
            out.push_back(leaf_of(rule, std::move(decider), mine, text_of(rule, rule.value_in(builtin))));
        }
        return out;
    }

    [[nodiscard]] std::vector<explained_leaf> of_process() const {
        std::vector<explained_leaf> out;
        constexpr std::array<std::string_view, 4> of_files{"version", "checked", "source", "roles"};  // not shadowed
        for (const auto& rule : process_rules) {
            if (std::ranges::find(of_files, rule.name) != of_files.end())
                continue;
            occurrences mine;
            add(mine, std::string{rule.name}, 0);
            out.push_back(
                leaf_of(rule, std::nullopt, mine, rule.type == value_type::text ? "none" : default_text(rule)));
        }
        return out;
    }

private:
    /// One source location of a leaf. The one with precedence has the smallest depth and, among these, the greatest
    /// rank.
    struct occurrence {
        const origin* from;
        std::size_t depth;
        [[nodiscard]] bool is_above(const occurrence& b) const noexcept {
            return depth != b.depth ? depth < b.depth : from->rank > b.from->rank;
        }
    };
    using occurrences = std::vector<occurrence>;  // in the order of precedence

    /// What a leaf of the whole process does to other leaves when it is true.
    struct sweep {
        std::string_view by;
        std::string_view leaf;
        std::string_view value;
    };
    static constexpr std::array<sweep, 6> sweeps{{
        {"disabled", "rates", "none"},
        {"disabled", "unlimited", "true"},
        {"disabled", "max_concurrent", "none"},
        {"disabled", "burst", "none"},
        {"disabled", "global_max_inflight", "none"},
        {"shadow", "enforce", "false"},
    }};

    void add(occurrences& out, const std::string& path, std::size_t depth) const {
        const auto found = std::ranges::equal_range(origins_, path, {}, &origin::path);
        for (const origin& o : std::views::reverse(found))
            out.push_back({&o, depth});
    }
    [[nodiscard]] static explained_value value(const leaf_rule& rule, const occurrence& at,
                                               std::string_view text = {}) {
        const origin& o = *at.from;
        return {text.empty() ? canonical_text(rule, o.value) : std::string{text}, o.kind, o.at, o.path};
    }

    [[nodiscard]] static bool says_true(std::string_view name, const occurrence& at) {
        return canonical_text(leaf_rule{.name = name, .type = value_type::boolean}, at.from->value) == "true";
    }
    [[nodiscard]] explained_leaf leaf_of(const leaf_rule& rule, std::optional<explained_value> decider,
                                         const occurrences& written, std::string builtin) const {
        std::vector<explained_value> all;
        for (const sweep& s : sweeps) {
            occurrences by;
            if (s.leaf == rule.name)
                add(by, std::string{s.by}, 0);
            if (!by.empty() && says_true(s.by, by[0]))
                all.push_back(value(rule, by[0], s.value));
        }
        if (decider)
            all.push_back(*std::move(decider));
        for (const occurrence& at : written)
            all.push_back(value(rule, at));
        all.push_back({std::move(builtin), layer_kind::builtin, {}, {}});
        explained_leaf out{std::string{rule.name}, rule.type, std::move(all.front()), {}};
        out.shadowed.assign(std::make_move_iterator(all.begin() + 1), std::make_move_iterator(all.end()));
        return out;
    }

    std::vector<origin> origins_;
};

}  // namespace detail

/// Explains one role of a host, or all roles if `role` is empty. An empty `host` means any host that is not named in
/// the configuration.
///
/// For each leaf it lists the values that it shadows, in the order of precedence: the same path in weaker layers, the
/// host without its port, the wildcards, the role's defaults, the process-wide leaf of that name, the built-in value. A
/// host that belongs to a group has the leaves of the group's name.
///
/// **Preconditions.** `made` holds a configuration. **Errors.** `errc::bad_host`, `errc::unknown_role`.
/// **Complexity.** O(leaves x names of the host x log written leaves).
[[nodiscard]] inline result<explanation> explain(const resolution& made, std::string_view host,
                                                 std::string_view role = {}, idna_function idna = nullptr) {
    explanation out;
    if (!host.empty()) {
        auto canonical = canonical_host(host, idna);
        if (!canonical)
            return canonical.error();
        out.host = *std::move(canonical);
    }
    const std::string key_host{made->key_host(out.host)};
    if (key_host != out.host)
        out.group = key_host;
    if (!role.empty())
        if (const auto known = made->policy_for(out.host, role); !known)
            return known.error();
    const detail::explainer about{made};
    for (const std::string& each : made->roles())
        if (role.empty() || each == role)
            out.roles.push_back({each, about.of_key(key_host, each)});
    out.process = about.of_process();
    return out;
}

/// The same for HOST or HOST.ROLE in one text, as `--rate-explain` takes it.
[[nodiscard]] inline result<explanation> explain_target(const resolution& made, std::string_view text,
                                                        idna_function idna = nullptr) {
    const auto target = detail::split_target(text, made->roles());
    if (!target.fault.empty())
        return error{errc::unknown_role, target.fault};
    return explain(made, target.host, target.role == "*" ? std::string_view{} : target.role, idna);
}

}  // namespace weir
