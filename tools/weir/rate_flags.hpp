// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/environment.hpp"
#include "weir/core/key.hpp"
#include "weir/ext/yaml/configure.hpp"

#if WEIR_HAS_IDN2
#include "weir/ext/idn2/idn2.hpp"
#endif

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

extern "C" char** environ;

namespace weir::tools {

/// The `--rate...` flags of a command, and the configuration they make with environment and files.
class rate_flags {
public:
    static constexpr std::string_view prefix = "WEIR_RLIMIT";
#if WEIR_HAS_IDN2
    static constexpr idna_function idna = idn2::to_ascii;
#else
    static constexpr idna_function idna = nullptr;
#endif

    explicit rate_flags(std::span<const char* const> args)
        : flags_(read_command_line(args)), variables_(read_environment(prefix, environ)) {
        for (const std::size_t i : flags_.rest)
            rest_.emplace_back(args[i]);
    }

    /// The arguments that are no rate flags, in order.
    [[nodiscard]] const std::vector<std::string>& rest() const noexcept { return rest_; }
    [[nodiscard]] static std::string help() { return command_line_help() + environment_help(prefix); }

    /// What `--rate-explain` names, if it was given.
    [[nodiscard]] const std::optional<std::string>& explained() const noexcept { return flags_.explain; }

    /// Flags over environment over the files they name over presets over the built-in defaults.
    [[nodiscard]] yaml::configured resolved() const { return yaml::configure(flags_, variables_, setup_); }
    /// The same with another file in place of those.
    [[nodiscard]] yaml::configured with_file(std::string path) const {
        command_line flags = flags_;
        flags.config_paths = {std::move(path)};
        return yaml::configure(flags, variables_, setup_);
    }

private:
    command_line flags_;
    environment variables_;
    std::vector<std::string> rest_;
    yaml::setup setup_{.environ = environ, .idna = idna, .terminal = isatty(STDOUT_FILENO) == 1};
};

}  // namespace weir::tools
