// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::yaml {

/// What keeps a hostile or broken file from costing time or memory.
struct parse_limits {
    std::uintmax_t bytes = 8U << 20U;  ///< of the text
    std::size_t depth = 8;             ///< of nesting; the deepest right one is 5
    std::size_t key = 512;             ///< bytes of one key; a host with its port has 259 at most
    std::size_t leaves = 500'000;      ///< keys and lists' items
    std::size_t items = 1000;          ///< of one list or mapping, but for the mappings below hosts and host_groups

    [[nodiscard]] std::string too_large() const { return fmt::format("it is larger than {} bytes", bytes); }
};

}  // namespace weir::yaml
