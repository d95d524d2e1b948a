// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

/// How a request for admission ended.
enum class outcome : std::uint8_t {
    granted,    ///< the request may be sent
    denied,     ///< not now: `retry_at` is the earliest time at which it may succeed
    never,      ///< its cost is above a limit: waiting does not help
    cancelled,  ///< the caller gave up while waiting
};

/// What stood in the way.
enum class cause : std::uint8_t {
    none,         ///< nothing: granted
    window,       ///< a rate's window is full
    gate,         ///< the key's gate is not open yet
    concurrency,  ///< the key's `max_concurrent` is reached
    inflight,     ///< the registry's `global_max_inflight` is reached
    never,        ///< the cost is above a limit
    store,        ///< the shared store failed, and the policy admits nothing without it
    closed,       ///< the registry is closed: it takes no new request
};

[[nodiscard]] constexpr std::string_view to_string(outcome o) noexcept {
    switch (o) {
    case outcome::granted:
        return "granted";
    case outcome::denied:
        return "denied";
    case outcome::never:
        return "never";
    case outcome::cancelled:
        return "cancelled";
    }
    return "?";
}

[[nodiscard]] constexpr std::string_view to_string(cause c) noexcept {
    switch (c) {
    case cause::none:
        return "none";
    case cause::window:
        return "window";
    case cause::gate:
        return "gate";
    case cause::concurrency:
        return "concurrency";
    case cause::inflight:
        return "inflight";
    case cause::never:
        return "never";
    case cause::store:
        return "store";
    case cause::closed:
        return "closed";
    }
    return "?";
}

/// The answer to a request for admission.
struct [[nodiscard]] decision {
    weir::outcome outcome = weir::outcome::granted;
    /// What stood in the way. For a granted request: what would have refused it if the policy were enforced.
    weir::cause cause = weir::cause::none;
    /// The earliest instant at which the request could be admitted. It is the instant of the decision itself if only an
    /// answer or a release can make room. It has no meaning for `never`, or if nothing stood in the way.
    instant retry_at{};
    /// The rate whose window was full, or whose limit the cost exceeds; absent for other causes.
    std::optional<rate> limit{};
    /// How long the caller waited for this answer.
    duration waited{};

    [[nodiscard]] constexpr bool granted() const noexcept { return outcome == weir::outcome::granted; }
};

}  // namespace weir
