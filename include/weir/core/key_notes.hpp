// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace weir {

/// What is kept of a server's refusals of one key.
struct refusal_notes {
    instant since = long_ago;   ///< when the last refusal was seen that counts; `long_ago` = there was none
    std::int64_t refusals = 0;  ///< in a row
    /// While the key is half-open: no request before this time, and then one. `long_ago` = the key is not half-open.
    instant probe = long_ago;

    friend bool operator==(const refusal_notes&, const refusal_notes&) = default;
};

/// What is kept of one limit that a server reported.
struct limit_note {
    std::uint64_t of = 0;       ///< which limit: a hash of the server's names for it; 0 = this note is empty
    std::int64_t limit = 0;     ///< units per window, or requests at once without a window; 0 = not below the policy's
    duration window{};          ///< 0 = none
    instant since = long_ago;   ///< requests before it are not counted against the limit
    instant until = long_ago;   ///< when it is forgotten unless it is reported again
    std::int64_t max_left = 0;  ///< the maximum of units that were reported as left
    std::int64_t in_force = 0;  ///< 1 = the last answer that reported limits reported this one

    friend bool operator==(const limit_note&, const limit_note&) = default;
};

/// The maximum of reported limits that are kept of a key.
inline constexpr std::size_t max_limit_notes = 4;

/// What the answers to a key's requests said. Processes that share a key share it through the store.
struct key_notes {
    refusal_notes refused;
    std::array<limit_note, max_limit_notes> limits{};  ///< the empty ones come last

    [[nodiscard]] std::size_t limit_count() const noexcept {
        return static_cast<std::size_t>(std::ranges::count_if(limits, [](const limit_note& l) { return l.of != 0; }));
    }
    [[nodiscard]] bool is_empty() const noexcept { return *this == key_notes{}; }

    friend bool operator==(const key_notes&, const key_notes&) = default;
};

}  // namespace weir
