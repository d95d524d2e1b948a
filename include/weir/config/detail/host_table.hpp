// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/policy_leaves.hpp"
#include "weir/config/schema.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::detail {

/// What each layer sets for each host's roles, until all layers are known.
///
/// A layer has two strata: leaves for every role of a host are weaker than leaves for a role by its name.
class host_table {
public:
    /// The leaves of one stratum for one role.
    struct slot {
        std::uint32_t stratum = 0;
        std::uint32_t role = 0;
        policy_leaves leaves{};
        std::array<const leaf*, policy_rules.size()> from{};  // which leaf set each value, while its layer is read
    };

    class host {
    public:
        [[nodiscard]] std::string_view name() const noexcept { return name_; }

        /// The slot of a stratum of the present layer; it is made if there is none.
        slot& slot_of(std::uint32_t stratum, std::uint32_t role) {
            if (slot* found = find_slot(stratum, role))
                return *found;
            slot& made = slots_.emplace_back();
            made.stratum = stratum;
            made.role = role;
            return made;
        }
        [[nodiscard]] slot* find_slot(std::uint32_t stratum, std::uint32_t role) {
            // The newest slots are at the end.
            for (auto s = slots_.rbegin(); s != slots_.rend() && s->stratum / 2 == stratum / 2; ++s)
                if (s->stratum == stratum && s->role == role)
                    return &*s;
            return nullptr;
        }
        /// The leaf at which a layer first named the host.
        const leaf*& first_of(std::size_t layer) {
            if (std::exchange(layer_, layer) != layer)
                first_ = nullptr;
            return first_;
        }

        std::optional<std::uint32_t> number{};  ///< its number among the hosts with leaves

    private:
        friend class host_table;
        std::string_view name_{};
        std::vector<slot> slots_{};
        const leaf* first_ = nullptr;
        std::size_t layer_ = SIZE_MAX;
    };

    void next_layer() noexcept { stratum_ += 2; }
    /// The stratum of the present layer.
    [[nodiscard]] std::uint32_t stratum(bool every) const noexcept { return stratum_ + (every ? 0 : 1); }

    [[nodiscard]] host& defaults() noexcept { return defaults_; }
    /// The host with a canonical name.
    [[nodiscard]] host& at(std::string name) {
        // Files are often sorted. Then the new host belongs at the end.
        const auto hint =
            hosts_.empty() || std::prev(hosts_.end())->first < name ? hosts_.end() : hosts_.lower_bound(name);
        if (hint != hosts_.end() && hint->first == name)
            return hint->second;
        const auto made = hosts_.emplace_hint(hint, std::move(name), host{});
        made->second.name_ = made->first;
        return made->second;
    }
    /// The hosts that have leaves in weaker layers than the present one.
    [[nodiscard]] std::set<std::string, std::less<>> known() const {
        std::set<std::string, std::less<>> out;
        for (const auto& [name, h] : hosts_)
            if (!h.slots_.empty() && h.slots_.front().stratum < stratum_)
                out.insert(out.end(), name);
        return out;
    }

    /// Moves everything into `s`, which has no hosts.
    void merge_into(settings& s) {
        merge(defaults_, s.defaults);
        while (!hosts_.empty()) {
            auto node = hosts_.extract(hosts_.begin());
            host& h = node.mapped();
            if (h.slots_.empty())
                continue;
            std::uint32_t last = 0;
            for (const slot& one : h.slots_)
                last = std::max(last, one.role);
            settings::by_role roles(last + 1);
            merge(h, roles);
            s.wildcards = s.wildcards || h.name_.starts_with("*.");
            s.hosts.emplace_hint(s.hosts.end(), std::move(node.key()), std::move(roles));
        }
    }

private:
    static void merge(host& from, settings::by_role& into) {
        // The strongest first. The slots of the newest layer are at the end.
        for (std::uint32_t s = from.slots_.empty() ? 0 : from.slots_.back().stratum / 2 * 2 + 2; s-- > 0;)
            for (slot& one : from.slots_) {
                if (one.stratum != s)
                    continue;
                policy_leaves& whole = into[one.role];
                if (whole.is_empty())
                    whole = std::move(one.leaves);
                else
                    whole.inherit(one.leaves);
            }
    }

    std::map<std::string, host, std::less<>> hosts_{};
    host defaults_{};
    std::uint32_t stratum_ = 0;
};

}  // namespace weir::detail
