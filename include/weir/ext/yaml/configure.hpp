// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/yaml/sources.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/environment.hpp"
#include "weir/config/explain.hpp"
#include "weir/config/explanation.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/key.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::yaml {

/// The choices of a program for its configuration.
struct setup {
    /// The prefix of its variables, without the last "_"; empty = no variable is read.
    std::string_view prefix = "WEIR";
    /// C's array `environ`, or null for an empty environment.
    const char* const* environ = nullptr;
    /// Makes A-labels of hosts with letters outside ASCII, such as `weir::idn2::to_ascii`; null = such a host is a
    /// fault.
    idna_function idna = nullptr;
    /// Whether an explanation is printed to a terminal. Then it has colours unless NO_COLOR is set.
    bool terminal = false;
};

/// A program's configuration, or all its faults, and the sources that it was made from.
struct [[nodiscard]] configured : resolution {
    /// For `load`, to make the configuration again after a file has changed.
    sources from{};
    /// The text for `--rate-explain`: the program prints it instead of running. Empty = there was no such flag.
    std::string explanation{};
};

/// The same from flags and variables that were already read.
///
/// **Errors.** All faults are in the resolution, which then has no configuration. A missing or malformed file is a
/// fault and never skipped.
inline configured configure(const command_line& flags, const environment& variables, const setup& how = {}) {
    sources from{flags.presets, flags.config_paths, variables.values, flags.values, how.idna};
    if (from.files.empty() && variables.config_path && !variables.config_path->empty())  // an empty path is a fault
        from.files.push_back(*variables.config_path);
    configured out{load(from), std::move(from), {}};
    if (!out || !flags.explain)
        return out;
    if (const auto why = explain_target(out, *flags.explain, how.idna))
        out.explanation = to_table(*why, how.terminal && may_colour(how.environ));
    else
        static_cast<resolution&>(out) =
            resolution{std::nullopt, {fault{source_location{"--rate-explain"}, "", why.error().message}}};
    return out;
}

/// A program's configuration, merged leaf by leaf. The command line has precedence over the environment, then follow
/// files, presets and built-in defaults.
///
/// Removes the `--rate...` flags from the arguments and leaves the others in order. The files are those of
/// `--rate-config`, and a later one has precedence. Without that flag, it is the file that the variable
/// `<prefix>_CONFIG` names.
///
/// ```
/// int main(int argc, char** argv) {
///     const auto config = weir::yaml::configure(argc, argv, {.prefix = "DOCSTOKG_RLIMIT", .environ = environ});
///     if (!config) return std::fputs(config.fault_text().c_str(), stderr), 2;
///     if (!config.explanation.empty()) return std::fputs(config.explanation.c_str(), stdout), 0;
///     weir::registry limits{weir::memory_store{}, *config};
/// ```
///
/// **Errors.** As for the other overload.
inline configured configure(int& argc, char** argv, const setup& how = {}) {
    const command_line flags = take_flags(argc, argv);
    return configure(flags, read_environment(how.prefix, how.environ), how);
}

}  // namespace weir::yaml
