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
            otherwise = std::move(o.at);  // the last one has precedence
    return otherwise;
}

/// Merges layers, the weakest first, leaf by leaf over the built-in defaults. It checks every leaf of every layer,
/// including shadowed ones.
///
/// **Errors.** It throws none. The resolution has all faults, and then no configuration: a layer's own faults; unknown
/// keys, roles and words; wrong types and ranges; texts that are not hosts; leaves that one layer sets twice; and
/// contradictions, also between leaves of different layers.
/// **Complexity.** O(leaves x log hosts).
inline resolution resolve(std::span<const layer> lowest_first, const resolve_options& options = {}) {
    detail::resolver work{lowest_first, options.idna};
    detail::settings merged = work();
    std::optional<configuration> value;
    if (work.faults.empty()) {
        auto made = detail::configuration_access::make(std::move(merged));
        if (made)
            value = *std::move(made);
        else  // a rule between leaves that the tables do not contain: the fault has no location, but is reported
            work.faults.push_back({source_location{"configuration"}, "", made.error().message});
    }
    return {std::move(value), std::move(work.faults), std::move(work.notes),
            std::make_shared<const detail::provenance>(work.take_written())};
}

}  // namespace weir
