// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/config/detail/provenance.hpp"
#include "weir/config/detail/resolver.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/key.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir {

struct resolve_options {
    /// Makes A-labels of hosts with letters outside ASCII; null = such a host is a fault.
    idna_function idna = nullptr;
};

inline std::vector<origin> resolution::origins() const {
    return written_ ? written_->in_words() : std::vector<origin>{};
}
inline source_location resolution::place_of(std::string_view path, source_location otherwise) const {
    for (origin& o : origins())
        if (o.path == path)
            otherwise = std::move(o.at);  // the last is in force
    return otherwise;
}

/// Merges layers, the weakest first, leaf by leaf over the built-in defaults, and checks every leaf of every layer,
/// shadowed or not.
///
/// **Errors.** None thrown: a layer's own faults, unknown keys, roles and words, wrong types and ranges, hosts that are
/// none, leaves set twice in one layer and contradictions, also between leaves of different layers, are all in the
/// resolution, which then holds no configuration.
/// **Complexity.** O(leaves x log hosts).
inline resolution resolve(std::span<const layer> lowest_first, const resolve_options& options = {}) {
    detail::resolver work{lowest_first, options.idna};
    detail::settings merged = work();
    std::optional<configuration> value;
    if (work.faults.empty()) {
        auto made = detail::configuration_access::make(std::move(merged));
        if (made)
            value = *std::move(made);
        else  // a rule between leaves that no table knows: it has no place, but it is not passed over
            work.faults.push_back({source_location{"configuration"}, "", made.error().message});
    }
    return {std::move(value), std::move(work.faults), std::move(work.notes),
            std::make_shared<const detail::provenance>(work.take_written())};
}

}  // namespace weir
