// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
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

/// One limit as a response told of it; what it did not tell is absent.
struct reported_limit {
    limit_unit unit = limit_unit::requests;
    /// Units a window may hold.
    std::optional<std::int64_t> limit{};
    /// More than nothing.
    std::optional<duration> window{};
    /// Units left when the response was made.
    std::optional<std::int64_t> remaining{};
    /// From the response's arrival until there is more, not necessarily all of it.
    std::optional<duration> reset{};

    friend bool operator==(const reported_limit&, const reported_limit&) = default;
};

/// What a response says about the limit, already freed from HTTP's spelling. Handed to `permit::arrived`.
struct feedback {
    /// The HTTP status; 0 = unknown.
    int status = 0;
    /// How long the server asked us to stay away, from the moment its response arrived; absent = it did not say.
    std::optional<duration> retry_after{};
    /// The limits it told of. **Lifetime.** Theirs, for the length of the call.
    std::span<const reported_limit> limits{};

    /// Whether the server refused because of a limit or a load.
    [[nodiscard]] constexpr bool refuses() const noexcept { return status == 429 || status == 503; }
};

}  // namespace weir
