// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <atomic>
#include <cstdint>
#include <random>

namespace weir::remote {

/// Ids for the entries of one store object. They have 63 random bits, so they are almost certainly unique among all
/// processes. An id is never 0, and never has the highest bit set.
///
/// **Thread safety.** Any thread.
class entry_ids {
public:
    [[nodiscard]] std::uint64_t next() noexcept {
        constexpr std::uint64_t highest = std::uint64_t{1} << 63;
        for (;;)
            if (const auto id = next_.fetch_add(1, std::memory_order_relaxed) & ~highest; id != 0)
                return id;
    }

private:
    [[nodiscard]] static std::uint64_t random_start() {
        std::random_device device;
        return (static_cast<std::uint64_t>(device()) << 32) ^ device();
    }
    std::atomic<std::uint64_t> next_{random_start()};
};

}  // namespace weir::remote
