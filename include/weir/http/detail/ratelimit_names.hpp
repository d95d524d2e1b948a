// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/quota.hpp"

#include "weir/core/text.hpp"

#include <array>
#include <string_view>
#include <utility>

/// Every name on the wire. They are in one file because the draft has renamed its keys before, and plans to do so again
/// (`r` to `a`, `t` to `w`).
namespace weir::http::detail::wire {

/// draft-ietf-httpapi-ratelimit-headers-10 and -11. The policy field of -05 to -07 has this name too; there a policy is
/// `100;w=60`.
inline constexpr std::string_view policy_field = "RateLimit-Policy";
inline constexpr std::string_view policy_limit = "q";
inline constexpr std::string_view policy_window = "w";
inline constexpr std::string_view policy_unit = "qu";
inline constexpr std::string_view state_field = "RateLimit";
inline constexpr std::string_view state_remaining = "r";
inline constexpr std::string_view state_reset = "t";
inline constexpr std::string_view partition = "pk";

/// -07, where the state is a dictionary.
inline constexpr std::string_view dictionary_limit = "limit";
inline constexpr std::string_view dictionary_remaining = "remaining";
inline constexpr std::string_view dictionary_reset = "reset";

/// "request" is the unit's name in the draft's registry, where its prose has "requests"; "bytes" was -08's.
inline constexpr std::array<std::pair<std::string_view, limit_unit>, 5> units{{
    {"requests", limit_unit::requests},
    {"request", limit_unit::requests},
    {"content-bytes", limit_unit::content_bytes},
    {"bytes", limit_unit::content_bytes},
    {"concurrent-requests", limit_unit::concurrent_requests},
}};

/// The forms with one field for each number: -00 to -06, and those that are older than any draft.
struct single_fields {
    std::string_view limit;
    std::string_view remaining;
    std::string_view reset;
    std::string_view reset_after;  ///< always seconds from now
    std::string_view retry_after;  ///< used if there is no reset
    std::string_view interval;     ///< the limit's window: `1s`
};
inline constexpr std::array<single_fields, 4> singles{{
    {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "", "", ""},
    {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Reset-After",
     "X-RateLimit-Retry-After", ""},
    {"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "", "X-Rate-Limit-Retry-After-Seconds",
     "X-Rate-Limit-Interval"},
    // OpenAI
    {"X-RateLimit-Limit-Requests", "X-RateLimit-Remaining-Requests", "X-RateLimit-Reset-Requests", "", "", ""},
}};

/// What a limit of the forms with single fields is about: GitHub's and Discord's name for it, and GitLab's.
inline constexpr std::array<std::string_view, 3> resource_fields{"X-RateLimit-Resource", "X-RateLimit-Bucket",
                                                                 "RateLimit-Name"};

/// Sent by Crossref.
inline constexpr std::string_view concurrency_field = "X-Concurrency-Limit";

/// Whether a name begins as any of these does. One walk over a response then shows whether any of them is present.
[[nodiscard]] constexpr bool may_be_one(std::string_view name) noexcept {
    for (const std::string_view begin : {"RateLimit", "X-RateLimit-", "X-Rate-Limit-", "X-Concurrency-Limit"})
        if (weir::detail::same_ignoring_case(name.substr(0, begin.size()), begin))
            return true;
    return false;
}
static_assert([] {
    bool all = may_be_one(policy_field) && may_be_one(state_field) && may_be_one(concurrency_field);
    for (const auto& names : singles)
        for (const std::string_view name :
             {names.limit, names.remaining, names.reset, names.reset_after, names.retry_after, names.interval})
            all = all && (name.empty() || may_be_one(name));
    return all;
}());

}  // namespace weir::http::detail::wire
