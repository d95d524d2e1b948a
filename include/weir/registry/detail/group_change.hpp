// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace weir::detail {

/// The effect on keys when a configuration with other host groups becomes active.
///
/// A key's history cannot be divided among hosts, and the histories of two keys cannot be merged. So the keys that it
/// affects must be idle.
///
/// **Thread safety.** Immutable.
class group_change {
public:
    /// Null if the groups stay the same.
    [[nodiscard]] static std::shared_ptr<const group_change> between(const configuration& before,
                                                                     const configuration& after) {
        if (before.host_groups() == after.host_groups())
            return nullptr;
        return std::shared_ptr<const group_change>{new group_change{before, after}};
    }

    /// Whether other requests belong to the key of a host after the change.
    ///
    /// Conservative: it also reports groups whose members differ only in their port. **Complexity.** O(labels x log
    /// members).
    [[nodiscard]] bool affects(std::string_view key_host) const {
        return groups_.contains(key_host) || before_.key_host(key_host) != after_.key_host(key_host);
    }

    /// Why a key that is in use prevents the configuration.
    [[nodiscard]] error refusal(const key& who) const {
        const auto to = after_.key_host(who.host);
        const std::string what = groups_.contains(who.host)
                                     ? fmt::format("{} is a group whose members change", who.host)
                                     : fmt::format("{} would become part of group {}", who.host, to);
        return {errc::bad_configuration,
                fmt::format("host_groups: {}, but {}/{} is in use and its history can be neither divided nor moved; "
                            "reload once its requests have ended, its windows have passed and no handle holds it, or "
                            "erase() the key first",
                            what, who.host, who.role)};
    }

private:
    using names = std::set<std::string, std::less<>>;
    using owners = std::map<std::string_view, std::string_view>;

    group_change(configuration before, configuration after) : before_(std::move(before)), after_(std::move(after)) {
        const owners old = owners_of(before_), fresh = owners_of(after_);
        names changed;  // members that changed their group, without their ports
        names above;    // and the wildcards that cover them
        const auto compare = [&](const owners& one, const owners& other) {
            for (const auto& [member, group] : one)
                if (const auto at = other.find(member); at == other.end() || at->second != group) {
                    const auto name = split_port(member).first;
                    changed.emplace(name);
                    each_name(name, true, [&](std::string_view wild) { above.emplace(wild); });
                }
        };
        compare(old, fresh);
        compare(fresh, old);
        // A host may join or leave a changed member. Then it leaves or joins any member that overlaps.
        for (const owners* all : {&old, &fresh})
            for (const auto& [member, group] : *all) {
                const auto name = split_port(member).first;
                bool overlaps = above.contains(name);
                each_name(name, true,
                          [&](std::string_view wild) { return overlaps = overlaps || changed.contains(wild); });
                if (overlaps)
                    groups_.emplace(group);
            }
    }

    [[nodiscard]] static owners owners_of(const configuration& c) {
        owners out;
        for (const auto& [group, members] : c.host_groups())
            for (const std::string& member : members)
                out.emplace(member, group);
        return out;
    }

    configuration before_;
    configuration after_;
    names groups_;
};

}  // namespace weir::detail
