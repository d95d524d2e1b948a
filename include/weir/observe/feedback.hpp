// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// What a server counts against a limit.
enum class limit_unit : std::uint8_t {
    requests,             ///< requests per window
    content_bytes,        ///< bytes of content per window
    concurrent_requests,  ///< requests at the same time; a window says nothing here
};

/// The unit's name on the wire.
[[nodiscard]] constexpr std::string_view to_string(limit_unit unit) noexcept {
    switch (unit) {
    case limit_unit::content_bytes:
        return "content-bytes";
    case limit_unit::concurrent_requests:
        return "concurrent-requests";
    case limit_unit::requests:
        break;
    }
    return "requests";
}

/// One limit that a response reported. A member that it did not report is absent.
struct reported_limit {
    limit_unit unit = limit_unit::requests;
    /// The units that a window may hold.
    std::optional<std::int64_t> limit{};
    /// Always longer than 0.
    std::optional<duration> window{};
    /// Units left when the response was made.
    std::optional<std::int64_t> remaining{};
    /// From the arrival of the response until more units are available, perhaps not all of them.
    std::optional<duration> reset{};
    /// Which limit it is: the server's names for its policy, its partition and its resource; "" = it has no names.
    /// **Lifetime.** The caller's, for the length of the call.
    std::string_view of{};

    /// Whether the numbers are the same, whatever the limits are called.
    friend constexpr bool operator==(const reported_limit& a, const reported_limit& b) noexcept {
        return a.unit == b.unit && a.limit == b.limit && a.window == b.window && a.remaining == b.remaining &&
               a.reset == b.reset;
    }
};

/// What a response says about the limit, independent of HTTP's spelling. It is passed to `permit::arrived`.
struct feedback {
    /// The HTTP status; 0 = unknown.
    int status = 0;
    /// How long the server asked us to send nothing, from the arrival of its response; absent = it did not say.
    std::optional<duration> retry_after{};
    /// The limits that it reported. **Lifetime.** The caller's, for the length of the call.
    std::span<const reported_limit> limits{};
    /// Whether the response says that the server refused, whatever its status is.
    bool refused = false;
    /// One sentence for each field that was not understood, and why. **Lifetime.** As `limits`.
    std::span<const std::string> dropped{};
};

/// Whether the server refused because of a limit or of overload: the response says so, its status is one of the
/// policy's `refusal_statuses`, or it is any 4xx or 5xx that states when to come back.
[[nodiscard]] inline bool is_refusal(const policy& p, const feedback& said) noexcept {
    return said.refused ||
           (said.status >= 400 &&
            (said.retry_after || std::ranges::find(p.refusal_statuses, said.status) != p.refusal_statuses.end()));
}

}  // namespace weir
