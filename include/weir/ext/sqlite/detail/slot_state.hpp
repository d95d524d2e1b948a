// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/kept_answers.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/storage/remote/key_heat.hpp"
#include "weir/storage/remote/reaping.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::sqlite::detail {

/// Host and role of a row's name, as `slot_state` makes it; nothing for other bytes.
[[nodiscard]] inline std::optional<std::pair<std::string_view, std::string_view>>
names_of(std::string_view name) noexcept {
    if (name.size() < 4)
        return std::nullopt;
    std::uint32_t size = 0;
    for (std::size_t i = 4; i-- > 0;)
        size = size << 8 | static_cast<unsigned char>(name[i]);
    name.remove_prefix(4);
    if (size > name.size())
        return std::nullopt;
    return std::pair{name.substr(0, size), name.substr(size)};
}

/// What this process keeps of a key.
struct slot_state {
    explicit slot_state(std::string_view host, std::string_view role) {
        // The length in front distinguishes ("ab", "c") from ("a", "bc"), for any bytes.
        const auto size = static_cast<std::uint32_t>(host.size());
        for (int i = 0; i < 4; ++i)
            name += static_cast<char>(static_cast<unsigned char>(size >> (8 * i)));
        name.append(host).append(role);
    }

    std::string name;
    remote::key_heat heat;
    kept_answers answers;
    // The store's mutex guards these.
    std::int64_t row = 0;          ///< the key's row in the file; 0 = unknown
    remote::reap_memory reaped;    // used by one verb at a time
    std::uint64_t of_opening = 0;  ///< the opening of the file that `row` belongs to
    std::int64_t noted_plan = 0;   ///< the plan whose windows this process wrote to that row last; 0 = none
    // Read without the mutex, and written by `settle` during other verbs. Relaxed: each value is independent.
    std::atomic<std::int64_t> held{0};  ///< entries of this process that have not ended
    std::atomic<std::int64_t> millionths{multiplier::one};
};

/// Whether the windows of `plan` are still to be written to `row`. From now on they count as written.
[[nodiscard]] inline bool takes_note(slot_state& mine, std::int64_t row, std::uint64_t opening,
                                     std::int64_t plan) noexcept {
    const bool is_known = mine.row == row && mine.of_opening == opening && mine.noted_plan == plan;
    mine.noted_plan = plan;
    return !is_known;
}

}  // namespace weir::sqlite::detail
