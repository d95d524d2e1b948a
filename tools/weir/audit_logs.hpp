// SPDX-License-Identifier: MIT
#pragma once

#include "log_format.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::tools {

/// Which logs to read, and what they do not say.
struct log_sources {
    std::vector<std::string> logs{};    ///< "-" is standard input
    std::vector<log_format> formats{};  ///< tried in this order; the first that knows a line of a file reads all of it
    std::optional<std::string> host{};  ///< of every request of an access log
    std::optional<std::string> role{};  ///< the same
    std::size_t skip_lines = 0;         ///< so many lines may be of no known format
    std::string program{};              ///< before each message
};

/// What shares one clock: one log, or all logs of a format.
struct log_timeline {
    std::string logs{};  ///< for people
    const log_format* format = nullptr;
};

struct lines_read {
    std::vector<log_timeline> timelines{};
    std::size_t others = 0;   ///< lines that tell of no request
    std::size_t skipped = 0;  ///< lines of no known format
};

/// Reads the logs, and gives each request and answer to `take` with the number of its timeline, host and role filled
/// in. The first skipped lines are listed on standard error.
///
/// **Errors.** Throws `usage_error` with file and line where a log cannot be read, or more lines than may be skipped.
lines_read read_lines(const log_sources& from,
                      const std::function<void(log_entry&& entry, std::size_t timeline, const log_format&)>& take);

/// The requests of one host and role, sorted.
struct audit_requests {
    std::vector<std::int64_t> all{};       ///< ns
    std::vector<std::int64_t> admitted{};  ///< those not answered by 429
    std::size_t refused = 0;               ///< answers 429
    std::size_t answers = 0;               ///< lines with a status
};

/// The requests of one timeline.
struct audit_timeline : log_timeline {
    std::map<std::pair<std::string, std::string>, audit_requests> keys{};  ///< by host and role
};

struct audit_material {
    std::vector<audit_timeline> timelines{};  ///< their formats are those of the sources
    std::size_t others = 0;                   ///< lines that tell of no request
    std::size_t skipped = 0;                  ///< lines of no known format
};

/// Reads the logs for an audit. **Errors.** As `read_lines`.
[[nodiscard]] audit_material read_logs(const log_sources& from);

}  // namespace weir::tools
