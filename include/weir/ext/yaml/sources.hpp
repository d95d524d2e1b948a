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

/// Everything a program's configuration is made from, so that it can be made again when a file has changed.
///
/// What flags and variables said is kept as it was read; presets and files are named, and read by each `load`.
struct sources {
    std::vector<std::string> presets{};  ///< names; the later over the earlier
    std::vector<std::string> files{};    ///< paths as messages show them; the later over the earlier, all over presets
    layer environment{};
    layer command_line{};
    /// Makes A-labels of hosts with letters outside ASCII; null = such a host is a fault.
    idna_function idna = nullptr;
};

/// The layers of `from`, the weakest first, with presets and files as they are now.
///
/// **Errors.** An unknown preset and a file that is missing or wrong are faults of their layer, never an empty one.
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

/// What `from` comes to now. **Errors.** All in the resolution, which then holds no configuration.
[[nodiscard]] inline resolution load(const sources& from) { return resolve(read_layers(from), {.idna = from.idna}); }

}  // namespace weir::yaml
