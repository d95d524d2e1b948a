// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/http/headers.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::tools {

enum class operation : std::uint8_t { acquire, arrived, release, abandon, cancel, refund, reload, end };

/// One line of a trace. Which members mean something depends on `op`; the parser has checked that they are there.
struct trace_line {
    instant t{};
    operation op{};
    std::string id;
    std::string host;
    std::string role;
    std::string method = "GET";
    std::int64_t cost = 1;
    std::optional<duration> max_delay;
    int status = 0;
    http::headers headers;
    std::string config;
};

/// Reads one JSON object into `out`, whose buffers are reused.
///
/// **Errors.** A sentence that names the member and what it must be: malformed JSON, an unknown or repeated member, one
/// that is missing for its `op` or of the wrong type or range.
[[nodiscard]] std::optional<std::string> parse_trace_line(std::string_view text, trace_line& out);

}  // namespace weir::tools
