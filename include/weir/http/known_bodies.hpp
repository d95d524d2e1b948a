// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/answer_reader.hpp"
#include "weir/http/detail/stated_time.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <string_view>

namespace weir::http {

/// Reads the refusals that some services state in the body of a response, perhaps of a success:
///
/// - Slack: `{"ok":false,"error":"ratelimited"}`;
/// - Stack Exchange: `"backoff":10`, seconds to wait, also on a success; `"error_name":"throttle_violation"`;
/// - Google: `"reason":"rateLimitExceeded"` and its relatives with 403, `"retryDelay":"33s"`;
/// - MediaWiki: `"code":"maxlag"` and `"code":"ratelimited"`;
/// - GitHub: a message about a secondary rate limit;
/// - GraphQL services: `"code":"RATELIMITED"`.
///
/// ```
/// auto http = weir::http::limited(weir::curl::transport{}, limits, weir::http::known_bodies{});
/// ```
///
/// **Complexity.** A few searches in the first `max_answer_body` bytes of each body.
struct known_bodies {
    [[nodiscard]] answer_reading operator()(const answer_view& answer) const {
        answer_reading out;
        const std::string_view body = answer.body;
        const auto is_one = [&](std::string_view name, std::initializer_list<std::string_view> words) {
            return std::ranges::find(words, detail::json_value(body, name)) != words.end();
        };
        out.refused = is_one("error", {"ratelimited", "rate_limited"}) ||
                      is_one("error_name", {"throttle_violation", "temporarily_unavailable"}) ||
                      is_one("code", {"maxlag", "ratelimited", "RATELIMITED", "RATE_LIMITED"}) ||
                      (answer.status >= 400 && (is_one("reason", {"rateLimitExceeded", "userRateLimitExceeded",
                                                                  "quotaExceeded", "RATE_LIMIT_EXCEEDED"}) ||
                                                body.find("secondary rate limit") != std::string_view::npos));
        if (const auto span = detail::parse_loose_number(detail::json_value(body, "backoff")))
            out.retry_after =
                std::min<duration>(std::chrono::milliseconds{span->thousandths_up()}, longest_retry_after);
        if (const auto delay = detail::parse_span(detail::json_value(body, "retryDelay"));
            delay && answer.status >= 400)
            out.retry_after = delay;
        return out;
    }
};

static_assert(answer_reader<known_bodies> && answer_reader<no_answer_reader>);

}  // namespace weir::http
