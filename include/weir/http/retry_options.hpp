// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/message.hpp"
#include "weir/http/transport_error.hpp"

#include "weir/core/time.hpp"
#include "weir/limiter/retry_budget.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace weir::http {

namespace detail {
/// A number from 0 to 1, at random.
[[nodiscard]] inline double random_share() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_real_distribution<double>{}(random);
}
}  // namespace detail

/// A request that is about to be sent again.
struct retry_event {
    const request& what;
    int attempt;                           ///< the one to come: 2 for the first retry
    int status;                            ///< of the response that is not passed on; 0 = there was none
    std::optional<transport_errc> reason;  ///< why there was no response
    duration pause;                        ///< before it asks for a permit
    retry_grant grant;
};

/// What `retrying` sends again, and how often.
struct retry_options {
    /// The greatest number of attempts of one request, the first included; 1 = no retry.
    int max_attempts = 3;
    /// The statuses that are worth another attempt.
    std::vector<int> statuses{408, 429, 500, 502, 503, 504};
    /// The failures that are worth another attempt.
    std::vector<transport_errc> reasons{transport_errc::resolve, transport_errc::connect, transport_errc::timeout,
                                        transport_errc::lost,    transport_errc::proxy,   transport_errc::other};
    /// How much of a key's requests may be retries, over all processes that share the store.
    retry_share share{};
    /// The pause before the n-th retry is a random time from 0 to `pause`·2^(n-1), at most `max_pause`, in ns. After a
    /// refusal (429, or a `Retry-After`) there is no pause: the key's gate holds the next attempt.
    duration pause = std::chrono::milliseconds{250};
    duration max_pause = std::chrono::seconds{20};
    /// The greatest body of a failed response, in bytes, that is kept until the next attempt has its permit. If it gets
    /// none, the failed response is passed on.
    std::size_t max_held_body = std::size_t{64} << 10U;
    /// Called before each pause, on the thread of the request; empty = no call. An exception ends the request.
    std::function<void(const retry_event&)> on_retry{};
    /// For tests: a number from 0 to 1, and the time that deadlines are compared with.
    double (*random)() = detail::random_share;
    std::chrono::steady_clock::time_point (*now)() = std::chrono::steady_clock::now;
};

/// How often `retrying` did what since it was made.
struct retry_counts {
    std::uint64_t first_attempts = 0;
    std::uint64_t retries = 0;    ///< with a unit of the budget
    std::uint64_t returned = 0;   ///< retries of refused requests without a unit
    std::uint64_t no_budget = 0;  ///< failures that were not retried because the budget was used up
    std::uint64_t too_late = 0;   ///< failures that were not retried because the next attempt was after the deadline
    std::uint64_t exhausted = 0;  ///< failures of the last attempt
};

}  // namespace weir::http
