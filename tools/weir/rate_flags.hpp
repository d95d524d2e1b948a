// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/command_line.hpp"
#include "weir/config/configuration.hpp"
#include "weir/config/environment.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/key.hpp"
#include "weir/core/result.hpp"
#include "weir/ext/yaml/yaml.hpp"

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
    ///
    /// **Errors.** `errc::bad_configuration`, one line a fault.
    [[nodiscard]] result<configuration> resolved() const {
        if (!flags_.config_paths.empty())
            return with_files(flags_.config_paths);
        if (variables_.config_path)
            return with_files({*variables_.config_path});
        return with_files({});
    }
    /// The same with another file in place of those.
    [[nodiscard]] result<configuration> with_file(const std::string& path) const { return with_files({path}); }

private:
    [[nodiscard]] result<configuration> with_files(const std::vector<std::string>& paths) const {
        std::vector<layer> lowest_first;
        for (const std::string& path : paths)
            lowest_first.push_back(yaml::load_file(path));
        lowest_first.push_back(variables_.values);
        lowest_first.push_back(flags_.values);
        const resolution made = resolve(lowest_first, {.idna = idna});
        if (made)
            return *made;
        std::string faults = made.fault_text();
        while (faults.ends_with('\n'))
            faults.pop_back();
        return error{errc::bad_configuration, std::move(faults)};
    }

    command_line flags_;
    environment variables_;
    std::vector<std::string> rest_;
};

}  // namespace weir::tools
