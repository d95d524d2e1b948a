// SPDX-License-Identifier: MIT
#pragma once

#include "audit_logs.hpp"

#include "weir/core/rate.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tools {

/// What `weir audit` was asked for.
struct audit_request {
    log_sources from{.program = "audit"};
    std::map<std::string, std::vector<rate>, std::less<>> rates{};  ///< by role; "*" is every other
    std::string format{};                                           ///< the only family of formats; "" = any
    std::string nginx_format{};
    std::int64_t slack = 0;  ///< ns
    bool json = false;
    bool help = false;
};

/// Reads the words after `audit` that are no rate flags of a configuration. `has_configuration`: there were such.
///
/// **Errors.** Throws `usage_error`.
[[nodiscard]] audit_request parse_audit(std::span<const char* const> args, bool has_configuration);
/// The formats that `--format` and `--nginx-format` leave, in the order in which lines are tried. `has_clients`: the
/// logs of clients too.
///
/// **Errors.** Throws `usage_error`.
[[nodiscard]] std::vector<log_format> chosen_formats(std::string_view format, std::string_view nginx_format,
                                                     bool has_clients);
/// How many lines `--skip-lines` allows. **Errors.** Throws `usage_error`.
[[nodiscard]] std::size_t parse_skips(std::string_view text);
/// What `weir audit --help` prints.
[[nodiscard]] std::string_view audit_help();

}  // namespace weir::tools
