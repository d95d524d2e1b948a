// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/config/detail/provenance.hpp"
#include "weir/config/detail/resolver.hpp"
#include "weir/config/layer.hpp"
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

/// What a stack of layers comes to: a configuration, or everything that is wrong with it. Never both, never neither.
class [[nodiscard]] resolution {
public:
    resolution(std::optional<configuration> value, std::vector<fault> faults, std::vector<fault> notes = {},
               std::shared_ptr<const detail::provenance> written = nullptr)
        : value_(std::move(value)), faults_(std::move(faults)), notes_(std::move(notes)), written_(std::move(written)) {
    }

    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    /// **Preconditions.** There is a configuration.
    [[nodiscard]] const configuration& operator*() const noexcept { return *value_; }
    [[nodiscard]] const configuration* operator->() const noexcept { return &*value_; }

    /// Everything that is wrong, in the order of the layers.
    [[nodiscard]] const std::vector<fault>& faults() const noexcept { return faults_; }
    /// The faults as a person reads them, one line each.
    [[nodiscard]] std::string fault_text() const {
        std::string out;
        for (const fault& f : faults_)
            out.append(f.text()).append("\n");
        return out;
    }
    /// What is worth saying though it is no fault, in the order of the layers: a rate that another of its list implies,
    /// and that was dropped.
    [[nodiscard]] const std::vector<fault>& notes() const noexcept { return notes_; }
    /// Every leaf that was written, sorted by path; of those with one path the last is in force and shadows the others.
    ///
    /// **Complexity.** O(leaves x log leaves), at every call.
    [[nodiscard]] std::vector<origin> origins() const {
        return written_ ? written_->in_words() : std::vector<origin>{};
    }

private:
    std::optional<configuration> value_;
    std::vector<fault> faults_;
    std::vector<fault> notes_;
    std::shared_ptr<const detail::provenance> written_;
};

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
            work.faults.push_back({place{"configuration"}, "", made.error().message});
    }
    return {std::move(value), std::move(work.faults), std::move(work.notes),
            std::make_shared<const detail::provenance>(work.take_written())};
}

}  // namespace weir
