// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/multiplier.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::sqlite::detail {

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
    // The store's mutex guards these.
    std::int64_t row = 0;          ///< the key's row in the file; 0 = unknown
    std::uint64_t of_opening = 0;  ///< the opening of the file that `row` belongs to
    // Read without the mutex, and written by `settle` during other verbs. Relaxed: each value is independent.
    std::atomic<std::int64_t> held{0};  ///< entries of this process that have not ended
    std::atomic<std::int64_t> millionths{multiplier::one};
};

}  // namespace weir::sqlite::detail
