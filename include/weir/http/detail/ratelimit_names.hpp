// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/quota.hpp"

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <array>
#include <chrono>
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

/// How one service names one of its limits, in fields that no draft has. The limit is read if `limit` or `remaining` is
/// present.
struct service_fields {
    std::string_view limit;      ///< the units of a window; with `used`: `39/40`, used and limit
    std::string_view remaining;  ///< the units that are left
    std::string_view reset;      ///< when there are more
    std::string_view interval;   ///< the window, in `interval_unit`
    duration window;             ///< the window, if no field states it
    duration interval_unit;
    std::string_view resource;  ///< what the limit is about
    bool is_used_of_limit = false;
};
inline constexpr duration in_s = std::chrono::seconds{1};
inline constexpr duration in_ms = std::chrono::milliseconds{1};
inline constexpr std::array<service_fields, 12> services{{
    {"X-RateLimit-Limit-Second", "X-RateLimit-Remaining-Second", "", "", in_s, in_s, "second"},  // Kong
    {"X-RateLimit-Limit-Minute", "X-RateLimit-Remaining-Minute", "", "", 60 * in_s, in_s, "minute"},
    {"X-RateLimit-Limit-Hour", "X-RateLimit-Remaining-Hour", "", "", 3'600 * in_s, in_s, "hour"},
    {"X-RateLimit-Limit-Day", "X-RateLimit-Remaining-Day", "", "", 86'400 * in_s, in_s, "day"},
    {"", "X-RateLimitRemaining", "X-RateLimit-Retry-After", "", {}, in_s, "core"},  // CORE
    {"X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining", "", "X-HubSpot-RateLimit-Interval-Milliseconds",
     10 * in_s, in_ms, "interval"},
    {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining", "", "", 86'400 * in_s, in_s, "daily"},
    {"X-Rate-Limit-Api-Key-Max", "X-Rate-Limit-Api-Key-Remaining", "", "X-Rate-Limit-Api-Key-Interval-Ms", 10 * in_s,
     in_ms, "key"},  // Trello
    {"X-Rate-Limit-Api-Token-Max", "X-Rate-Limit-Api-Token-Remaining", "", "X-Rate-Limit-Api-Token-Interval-Ms",
     10 * in_s, in_ms, "token"},
    {"X-RateLimit-Requests-Limit",
     "X-RateLimit-Requests-Remaining",
     "X-RateLimit-Requests-Reset",
     "",
     {},
     in_s,
     "requests"},  // Linear
    {"anthropic-ratelimit-requests-limit",
     "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset",
     "",
     {},
     in_s,
     "requests"},
    // A bucket of 40 that leaks 2 a second.
    {"X-Shopify-Shop-Api-Call-Limit", "", "", "", 20 * in_s, in_s, "shop", true},
}};

/// Riot's: `20:1,100:120`, units and the seconds of their window; the second field has the units that are used.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 2> window_lists{{
    {"X-App-Rate-Limit", "X-App-Rate-Limit-Count"},
    {"X-Method-Rate-Limit", "X-Method-Rate-Limit-Count"},
}};

/// Sent by Crossref.
inline constexpr std::string_view concurrency_field = "X-Concurrency-Limit";

/// Whether a name begins as any of these does. One walk over a response then shows whether any of them is present.
[[nodiscard]] constexpr bool may_be_one(std::string_view name) noexcept {
    for (const std::string_view begin :
         {"RateLimit", "X-RateLimit", "X-Rate-Limit-", "X-Concurrency-Limit", "X-HubSpot-RateLimit-",
          "anthropic-ratelimit-requests-", "X-Shopify-Shop-Api-Call-Limit", "X-App-Rate-Limit", "X-Method-Rate-Limit"})
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
    for (const auto& names : services)
        for (const std::string_view name : {names.limit, names.remaining})
            all = all && (name.empty() || may_be_one(name));
    for (const auto& names : window_lists)
        all = all && may_be_one(names.first);
    return all;
}());

}  // namespace weir::http::detail::wire
