// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/yaml/preset.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include "weir/config/layer.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/key.hpp"

#include <string>
#include <vector>

namespace weir::yaml {

/// Everything that a program's configuration is made from, so that it can be made again after a file has changed.
///
/// Flags and variables are stored as they were read. Presets and files are names, and each `load` reads them.
struct sources {
    std::vector<std::string> presets{};  ///< names; a later one has precedence
    std::vector<std::string> files{};    ///< paths as messages show them; a later one has precedence, all over presets
    layer environment{};
    layer command_line{};
    /// Makes A-labels of hosts with letters outside ASCII; null = such a host is a fault.
    idna_function idna = nullptr;
};

/// The layers of `from`, the weakest first, with the present contents of presets and files.
///
/// **Errors.** An unknown preset and a missing or malformed file are faults of their layer, never an empty layer.
[[nodiscard]] inline std::vector<layer> read_layers(const sources& from) {
    std::vector<layer> lowest_first;
    for (const std::string& name : from.presets)
        lowest_first.push_back(load_preset(name));
    for (const std::string& path : from.files)
        lowest_first.push_back(load_file(path));
    lowest_first.push_back(from.environment);
    lowest_first.push_back(from.command_line);
    return lowest_first;
}

/// The present resolution of `from`. **Errors.** All faults are in the resolution, which then has no configuration.
[[nodiscard]] inline resolution load(const sources& from) { return resolve(read_layers(from), {.idna = from.idna}); }

}  // namespace weir::yaml
