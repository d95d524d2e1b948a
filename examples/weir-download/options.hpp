// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/completion.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

/// The command line: every flag, its meaning, and its faults.
namespace download {

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What is said on the way. Each level says what the ones before it say, too.
enum class log_level { error, warning, info, debug };

struct options {
    std::string topic;
    std::optional<int> year_start;
    std::optional<int> year_end;
    std::int64_t max = 0;  ///< documents of the topic; 0 = all
    std::size_t part = 1;  ///< of the works and URLs, those of this number among every `parts`
    std::size_t parts = 1;
    std::string base_url = "https://api.crossref.org";
    std::filesystem::path urls;  ///< a list of further URLs; empty = none

    std::filesystem::path out = "downloads";
    std::filesystem::path log;  ///< for the limiter's events; empty = none
    std::size_t workers = 4;
    int max_attempts = 5;
    bool dry_run = false;
    log_level level = log_level::info;
    bool help = false;
    bool version = false;
    std::string completion;  ///< the shell whose script is to be printed; empty = none
};

/// What `--help` prints, without the rate flags.
[[nodiscard]] std::string help_text();

/// What a shell completes.
[[nodiscard]] weir::completed_program completed();

/// What the arguments, without the program's name and the `--rate` flags, ask for.
///
/// **Errors:** throws `usage_error`, which has one line for each fault.
[[nodiscard]] options parse_options(std::span<const char* const> arguments);

}  // namespace download
