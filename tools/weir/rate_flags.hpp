// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/command_line.hpp"
#include "weir/config/environment.hpp"
#include "weir/core/key.hpp"
#include "weir/ext/yaml/configure.hpp"

#if WEIR_HAS_IDN2
#include "weir/ext/idn2/idn2.hpp"
#endif

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

    /// Flags over environment over the files they name over the built-in defaults.
    [[nodiscard]] yaml::configured resolved() const { return yaml::configure(flags_, variables_, setup); }
    /// The same with another file in place of those.
    [[nodiscard]] yaml::configured with_file(std::string path) const {
        command_line flags = flags_;
        flags.config_paths = {std::move(path)};
        return yaml::configure(flags, variables_, setup);
    }

private:
    static constexpr yaml::setup setup{.prefix = prefix, .idna = idna};

    command_line flags_;
    environment variables_;
    std::vector<std::string> rest_;
};

}  // namespace weir::tools
