// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/config/layer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

namespace detail {
class provenance;
}

/// The result of merging layers: a configuration, or all their faults. It is never both and never neither.
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

    /// All faults, in the order of the layers.
    [[nodiscard]] const std::vector<fault>& faults() const noexcept { return faults_; }
    /// The faults as text, one line for each.
    [[nodiscard]] std::string fault_text() const {
        std::string out;
        for (const fault& f : faults_)
            out.append(f.text()).append("\n");
        return out;
    }
    /// Remarks that are not faults, in the order of the layers: rates that were dropped, because another rate of the
    /// list implies them.
    [[nodiscard]] const std::vector<fault>& notes() const noexcept { return notes_; }
    /// Every leaf that was written, sorted by path. Of several with one path, the last has precedence and shadows the
    /// others. Needs `weir/config/resolve.hpp`.
    ///
    /// **Complexity.** O(leaves x log leaves), at every call.
    [[nodiscard]] std::vector<origin> origins() const;

    /// Where the leaf at `path`, such as `backend.kind`, was written; `otherwise` if it was not written. Needs
    /// `weir/config/resolve.hpp`. **Complexity.** As `origins()`.
    [[nodiscard]] source_location place_of(std::string_view path,
                                           source_location otherwise = source_location{"configuration"}) const;

private:
    std::optional<configuration> value_;
    std::vector<fault> faults_;
    std::vector<fault> notes_;
    std::shared_ptr<const detail::provenance> written_;
};

}  // namespace weir
