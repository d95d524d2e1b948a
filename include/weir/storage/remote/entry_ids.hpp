// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <atomic>
#include <cstdint>
#include <random>

namespace weir::remote {

/// Ids for the entries of one store object: 36 random bits that name the object, the *holder*, and a counter of 27
/// bits. So an entry needs no field for its holder. An id is never 0, and never has the highest bit set.
///
/// Two holders of a store with 1,000 processes have the same number once in 130,000 times. The counter begins anew
/// after 134 million entries, when the old ones ended long ago.
///
/// **Thread safety.** Any thread.
class entry_ids {
public:
    /// The number of this object's holder; never 0.
    [[nodiscard]] std::uint64_t holder() const noexcept { return holder_; }
    [[nodiscard]] std::uint64_t next() noexcept {
        return holder_ << counter_bits | (next_.fetch_add(1, std::memory_order_relaxed) & counter_mask);
    }
    /// The holder of an entry. The ids of older versions of this library name holders that do not exist.
    [[nodiscard]] static constexpr std::uint64_t holder_of(std::uint64_t id) noexcept {
        return (id & ~highest) >> counter_bits;
    }

    static constexpr int counter_bits = 27;
    static constexpr int holder_bits = 36;

private:
    static constexpr std::uint64_t highest = std::uint64_t{1} << 63;
    static constexpr std::uint64_t counter_mask = (std::uint64_t{1} << counter_bits) - 1;
    static constexpr std::uint64_t holder_mask = (std::uint64_t{1} << holder_bits) - 1;

    [[nodiscard]] static std::uint64_t random_holder() {
        std::random_device device;
        for (;;)
            if (const auto h = ((static_cast<std::uint64_t>(device()) << 32) ^ device()) & holder_mask; h != 0)
                return h;
    }

    const std::uint64_t holder_{random_holder()};
    std::atomic<std::uint64_t> next_{0};
};

}  // namespace weir::remote
