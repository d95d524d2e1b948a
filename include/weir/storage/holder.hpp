// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir {

/// A process that uses a shared store, or more exactly one store object of it. Its entries carry its id.
struct holder_info {
    using time = std::chrono::sys_time<std::chrono::microseconds>;

    std::uint64_t id = 0;  ///< random, 36 bits; the highest bits of the ids of its entries
    std::string host;      ///< the name of its machine
    std::int64_t pid = 0;  ///< in the process namespace of that machine or container
    time started{};        ///< its first sign of life, by the store's clock
    time renewed{};        ///< its last sign of life, by the store's clock
    /// Whether it lives. A process of this machine is looked up in the kernel. Any other is alive while its last sign
    /// of life is not older than its time to live.
    bool alive = false;
    bool is_self = false;  ///< whether it is the store object that was asked

    friend bool operator==(const holder_info&, const holder_info&) = default;
};

/// What an erasure does with the requests that have not ended.
enum class open_entries : std::uint8_t {
    keep,  ///< they still count, because the server may still receive them
    too,   ///< they are forgotten too: the key is as if it had never been used
};

}  // namespace weir
