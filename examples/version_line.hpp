// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"
#include "weir/storage/backend.hpp"

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

namespace weir::tools {

/// What `--version` prints: a report of a fault needs the program, its version, its compiler and its stores.
[[nodiscard]] inline std::string version_line(std::string_view program, std::span<const backend> stores) {
#if defined(__clang__)
    constexpr std::string_view compiler = "clang " __clang_version__;
#else
    constexpr std::string_view compiler = "g++ " __VERSION__;
#endif
    std::string out = fmt::format("{} {} ({}; stores: memory", program, version, compiler);
    for (const backend& one : stores)
        out += fmt::format(", {}", one.kind);
    return out + ")\n";
}

}  // namespace weir::tools
