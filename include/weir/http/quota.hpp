// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/limiter/feedback.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// What a server counts against a quota.
using quota_unit = limit_unit;

/// One limit as a response told of it. What it did not tell is absent, and nothing is made up for it; numbers are what
/// the server said, 0 too.
struct quota {
    /// The policy's name; "" in the forms that have no names.
    std::string name{};
    quota_unit unit = quota_unit::requests;
    /// Units a window may hold.
    std::optional<std::int64_t> limit{};
    /// More than nothing, and cut to `rate::longest`.
    std::optional<duration> window{};
    /// Units left when the response was made.
    std::optional<std::int64_t> remaining{};
    /// From the response's arrival until there is more quota, not necessarily all of it; cut to `longest_retry_after`.
    std::optional<duration> reset{};
    /// What the server divides its capacity by, such as a user; any bytes.
    std::optional<std::string> partition{};
    /// The field that told of it first. **Lifetime.** Static.
    std::string_view from{};

    friend bool operator==(const quota&, const quota&) = default;
};

/// Every limit that the fields of one response tell of.
struct quota_reading {
    std::vector<quota> quotas{};
    /// A sentence for every field, or policy of a field, that was there and is not used: which, and why.
    std::vector<std::string> dropped{};
};

/// How the `Reset` of the fields without a standard counts: services differ, and the response does not say.
enum class reset_unit : std::uint8_t {
    guessed,             ///< above 10^12 milliseconds and above 10^9 seconds since 1970, else seconds from now
    seconds,             ///< seconds from now
    epoch_seconds,       ///< seconds since 1970
    epoch_milliseconds,  ///< milliseconds since 1970
};

}  // namespace weir::http
