// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::yaml {

/// Limits that protect time and memory against a hostile or broken file.
struct parse_limits {
    std::uintmax_t bytes = 8U << 20U;  ///< of the text
    std::size_t depth = 8;             ///< of nesting; a correct file has 5 at most
    std::size_t key = 512;             ///< bytes of one key; a host with its port has 259 at most
    std::size_t leaves = 500'000;      ///< keys and items of lists
    std::size_t items = 1000;          ///< of one list or mapping, except the mappings below hosts and host_groups

    [[nodiscard]] std::string too_large() const { return fmt::format("it is larger than {} bytes", bytes); }
};

}  // namespace weir::yaml
