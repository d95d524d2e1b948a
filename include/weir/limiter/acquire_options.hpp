// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

namespace weir {

/// What a request needs to be admitted.
struct acquire_options {
    /// The units that the request takes, at least 1.
    std::int64_t cost = 1;
    /// The HTTP method. `HEAD`, in any case, is not counted unless the policy says `count_head`.
    std::string_view method = "GET";
    /// The longest this caller waits, in ns; absent = the policy's `max_delay`; 0 = decide at once.
    std::optional<duration> max_delay{};
    /// What is left until the caller's own deadline, in ns: the wait ends then, however long `max_delay` is. 0 or less
    /// = decide at once.
    duration time_left = forever;
    /// A stop request ends the wait. No capacity is lost.
    std::stop_token stop{};
};

namespace detail {
[[nodiscard]] constexpr bool is_head(std::string_view method) noexcept {
    return method.size() == 4 && same_ignoring_case(method, "HEAD");
}
}  // namespace detail

}  // namespace weir
