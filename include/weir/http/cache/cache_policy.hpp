// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/detail/validators.hpp"
#include "weir/http/cache/freshness.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/cache/vary.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::http {

/// What a private cache may do beyond what servers say.
struct cache_rules {
    /// The share of the time since `Last-Modified` for which a response without a stated lifetime is fresh.
    double heuristic_share = 0.1;
    /// The longest such lifetime.
    std::chrono::seconds max_heuristic = std::chrono::hours{24};
    /// For how long after its lifetime a stored response may be used when the limiter refuses the request, or the
    /// server answers it with 429. 0 = never.
    std::chrono::seconds stale_if_refused{0};
    /// The same for a server that fails or cannot be reached, beside its own `stale-if-error`. 0 = only that.
    std::chrono::seconds stale_if_error{0};
};

/// What to do with a request.
enum class cache_action : std::uint8_t {
    pass,                ///< send it, and store nothing
    fetch,               ///< send it, and store the response
    validate,            ///< send it with conditions; a 304 means that the stored response is still right
    use,                 ///< answer with the stored response
    use_then_validate,   ///< answer with the stored response, and validate it in the background
    fail_only_if_cached  ///< answer 504: the request asks for stored responses alone
};

/// The decision for one request.
struct cache_evaluation {
    cache_action action = cache_action::fetch;
    /// How long the stored response has been stale; 0 = it is fresh.
    std::chrono::milliseconds staleness{0};
    /// Its age, for the field `Age`.
    std::chrono::milliseconds age{0};
};

namespace detail {

[[nodiscard]] inline bool is_get(const request& what) noexcept {
    return weir::detail::same_ignoring_case(what.method, "GET");
}
[[nodiscard]] inline bool is_head(const request& what) noexcept {
    return weir::detail::same_ignoring_case(what.method, "HEAD");
}

/// Request conditions that only the server can decide (RFC 9111 §4.3.2).
[[nodiscard]] inline bool for_the_server_alone(const request& what) noexcept {
    return what.headers.contains("If-Match") || what.headers.contains("If-Unmodified-Since");
}

/// Whether a stored response must not be used once it is stale, whatever the client wants (RFC 9111 §4.2.4).
[[nodiscard]] inline bool never_stale(const cache_control& said) noexcept {
    return said.must_revalidate || said.no_cache;
}

/// What the request says; `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111 §5.4).
[[nodiscard]] inline cache_control requested_control(const headers& request) {
    cache_control out = parse_cache_control(request);
    if (!request.contains("Cache-Control"))
        if (const auto pragma = request.first("Pragma"))
            out.no_cache = weir::detail::same_ignoring_case(weir::detail::trim(*pragma), "no-cache");
    return out;
}

[[nodiscard]] inline std::chrono::milliseconds lifetime(const stored_response& stored, const cache_control& said,
                                                        const cache_rules& rules) {
    const bool stated = said.max_age || stored.headers.contains("Expires");
    const auto out = freshness_lifetime(stored, said, rules.heuristic_share);
    return stated ? out : std::min<std::chrono::milliseconds>(out, rules.max_heuristic);
}

}  // namespace detail

/// Decides what a request gets (RFC 9111 §4). Pure: it reads nothing but its arguments.
///
/// `stored` is the response that `select_stored` chose, or null. **Complexity.** A walk over both messages' fields.
[[nodiscard]] inline cache_evaluation evaluate(const request& what, const stored_response* stored, wall_time now,
                                               const cache_rules& rules = {}) {
    using std::chrono::milliseconds;
    if ((!detail::is_get(what) && !detail::is_head(what)) || !what.body.empty() || what.upload)
        return {cache_action::pass};
    const cache_control wants = detail::requested_control(what.headers);
    const cache_action without = wants.only_if_cached ? cache_action::fail_only_if_cached : cache_action::fetch;
    if (wants.no_store || detail::for_the_server_alone(what))
        return {wants.only_if_cached ? without : cache_action::pass};
    if (stored == nullptr)
        return {without};

    const cache_control said = parse_cache_control(stored->headers);
    const milliseconds lifetime = detail::lifetime(*stored, said, rules);
    cache_evaluation out{.age = current_age(*stored, now)};
    out.staleness = std::max(milliseconds{0}, out.age - lifetime);
    // A response is fresh while its lifetime is greater than its age.
    const bool fresh = lifetime > out.age;
    if (!fresh && out.staleness == milliseconds{0})
        out.staleness = milliseconds{1};
    const cache_action stale_answer = wants.only_if_cached ? cache_action::fail_only_if_cached : cache_action::validate;
    out.action = stale_answer;
    if (said.no_cache || wants.no_cache)
        return out;
    const bool too_old = wants.max_age && (out.age > *wants.max_age || wants.max_age == std::chrono::seconds{0});
    if (too_old && !wants.any_staleness && !wants.max_stale)
        return out;
    if (wants.min_fresh && lifetime - out.age < *wants.min_fresh)
        return out;
    if (fresh) {
        out.action = cache_action::use;
        return out;
    }
    if (detail::never_stale(said))
        return out;
    if (wants.any_staleness || (wants.max_stale && out.staleness <= *wants.max_stale)) {
        out.action = cache_action::use;
        return out;
    }
    if (said.stale_while_revalidate && out.staleness <= *said.stale_while_revalidate && !wants.only_if_cached &&
        !wants.max_age)
        out.action = cache_action::use_then_validate;
    return out;
}

/// Of several stored responses of one URL, the newest one that answers the request (RFC 9111 §4.1); null if none does.
/// A whole representation is preferred to a part of it.
[[nodiscard]] inline shared_response select_stored(const request& what, std::span<const shared_response> stored) {
    shared_response best;
    for (const shared_response& one : stored) {
        if (!selected_by(*one, what.headers))
            continue;
        if (one->range) {
            const auto wanted = what.headers.first("Range");
            const auto part = wanted && detail::is_get(what) ? detail::wanted_range(*wanted, one->range->total)
                                                             : std::optional<byte_range>{};
            if (!part || part->first < one->range->first || part->last > one->range->last)
                continue;
        }
        if (!best || std::pair{!one->range, one->received} > std::pair{!best->range, best->received})
            best = one;
    }
    return best;
}

/// Whether the response to a GET may be stored (RFC 9111 §3) by a private cache.
[[nodiscard]] inline bool may_store(const request& what, int status, const headers& fields) {
    // RFC 6585: these answer one request in one moment.
    constexpr std::array never{304, 428, 429, 431, 511};
    constexpr std::array understood{200, 201, 202, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401,
                                    402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
                                    415, 416, 417, 421, 422, 426, 451, 500, 501, 502, 503, 504, 505};
    if (!detail::is_get(what) || status < 200 || std::ranges::find(never, status) != never.end())
        return false;
    const cache_control said = parse_cache_control(fields);
    if (detail::requested_control(what.headers).no_store || varies_by_everything(fields))
        return false;
    if (said.must_understand) {
        // A cache that obeys must-understand passes over the no-store beside it, which is for those that do not.
        if (std::ranges::find(understood, status) == understood.end())
            return false;
    } else if (said.no_store) {
        return false;
    }
    if (status == 206) {
        const auto part = fields.first("Content-Range");
        if (!part || !detail::part_of_known_total(*part))
            return false;
    }
    return heuristically_cacheable(status) || said.max_age || said.is_public || said.is_private ||
           fields.contains("Expires");
}

/// Whether a successful response to this request may have changed what is stored of its URL (RFC 9111 §4.4).
[[nodiscard]] inline bool invalidates(const request& what, int status) noexcept {
    for (const std::string_view safe : {"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
        if (weir::detail::same_ignoring_case(what.method, safe))
            return false;
    return status >= 200 && status < 400;
}

/// Whether the stored response may be used instead of an error of the server, a connection that failed, or a refusal of
/// the limiter (RFC 9111 §4.2.4, RFC 5861).
[[nodiscard]] inline bool may_use_after_error(const request& what, const stored_response& stored,
                                              std::chrono::milliseconds staleness, std::chrono::seconds own_limit) {
    const cache_control said = parse_cache_control(stored.headers);
    const cache_control wants = detail::requested_control(what.headers);
    if (detail::never_stale(said) || wants.no_cache || wants.max_age || wants.min_fresh)
        return false;
    std::chrono::seconds limit = own_limit;
    for (const auto& stated : {said.stale_if_error, wants.stale_if_error})
        if (stated)
            limit = std::max(limit, *stated);
    return staleness <= limit;
}

}  // namespace weir::http
