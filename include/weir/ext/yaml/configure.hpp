// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/command_line.hpp"
#include "weir/config/environment.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/key.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::yaml {

/// What a program decides about its configuration.
struct setup {
    /// Of its variables, without the last "_"; empty = no variable is read.
    std::string_view prefix = "WEIR";
    /// The array of that name, or null for an empty environment.
    const char* const* environ = nullptr;
    /// Makes A-labels of hosts with letters outside ASCII, such as `weir::idn2::to_ascii`; null = such a host is a
    /// fault.
    idna_function idna = nullptr;
};

/// A program's configuration, or everything that is wrong with it, and what it was made from.
struct [[nodiscard]] configured : resolution {
    std::vector<std::string> files{};  ///< that were read, the later over the earlier
};

/// The same from flags and variables that have been read already, for programs that load more than once.
///
/// **Errors.** All in the resolution, which then holds no configuration: a file that is missing or wrong is never
/// skipped.
inline configured configure(const command_line& flags, const environment& variables, const setup& how = {}) {
    std::vector<std::string> files = flags.config_paths;
    if (files.empty() && variables.config_path)
        files.push_back(*variables.config_path);
    std::erase(files, "");  // it is a fault already
    std::vector<layer> lowest_first;
    for (const std::string& path : files)
        lowest_first.push_back(load_file(path));
    lowest_first.push_back(variables.values);
    lowest_first.push_back(flags.values);
    return {resolve(lowest_first, {.idna = how.idna}), std::move(files)};
}

/// A program's configuration: command line over environment over files over built-in defaults, leaf by leaf.
///
/// Takes the `--rate...` flags out of the arguments and leaves the rest in order. The files are those of
/// `--rate-config`, the later over the earlier, or else the one the variable `<prefix>_CONFIG` names, or else none.
///
/// ```
/// int main(int argc, char** argv) {
///     const auto config = weir::yaml::configure(argc, argv, {.prefix = "DOCSTOKG_RLIMIT", .environ = environ});
///     if (!config) return std::fputs(config.fault_text().c_str(), stderr), 2;
///     weir::registry limits{weir::memory_store{}, *config};
/// ```
///
/// **Errors.** As above.
inline configured configure(int& argc, char** argv, const setup& how = {}) {
    const command_line flags = take_flags(argc, argv);
    return configure(flags, read_environment(how.prefix, how.environ), how);
}

}  // namespace weir::yaml
