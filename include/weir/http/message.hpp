// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/body_source.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/transfer_info.hpp"

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace weir::http {

/// A request to a server, with what the limiter needs to know of it.
///
/// ```
/// http.send({.url = "https://api.crossref.org/works/10.1038/nature12373", .role = "metadata"});
/// ```
struct request {
    /// An HTTP method; `HEAD` in any case requests only the headers.
    std::string method = "GET";
    /// Absolute, `http` or `https`, without a user; a fragment is not sent.
    std::string url{};
    http::headers headers{};
    /// Sent unchanged; empty = no body.
    std::string body{};
    /// The body, read while it is sent; empty = `body`. A request has one of the two.
    body_source upload{};
    /// The role it counts in: which of the host's budgets.
    std::string role = "metadata";
    /// The units it takes from that budget, at least 1.
    std::int64_t cost = 1;
    /// The longest wait for the permit, in ns; absent = the policy's `max_delay`; 0 = decide at once.
    std::optional<duration> max_delay{};
    /// The longest time from admission to the end of the body, in ms; absent = the transport's own limit; 0 or less =
    /// it has passed: the request fails at once.
    std::optional<std::chrono::milliseconds> timeout{};
    /// When everything must have ended: the wait for a permit, each hop, each repeat and the transfer. A request whose
    /// deadline has passed fails at once as `timeout`, unsent. Absent = no deadline.
    std::optional<std::chrono::steady_clock::time_point> deadline{};
    /// A stop request ends the wait and the transfer.
    std::stop_token stop{};
    /// Requests the body from this byte on. Answers: 206 = from that byte, 200 = the whole body, 416 = the body is
    /// shorter.
    std::optional<std::uint64_t> resume_from{};
    /// Whether several equal requests mean the same as one although the method does not say so. Then it may be sent
    /// again.
    bool idempotent = false;
};

/// Whether several equal requests with this method mean the same as one (RFC 9110 §9.2.2).
[[nodiscard]] constexpr bool is_idempotent(std::string_view method) noexcept {
    for (const std::string_view known :
         {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
        if (weir::detail::same_ignoring_case(method, known))
            return true;
    return false;
}

/// Whether a request may be sent once more although the server may have received it: its method is idempotent, or it
/// is itself, or it has an `Idempotency-Key`, by which the server recognises the repeat. Its body must be there a
/// second time.
[[nodiscard]] inline bool may_repeat(const request& what) noexcept {
    return (is_idempotent(what.method) || what.idempotent || what.headers.contains("Idempotency-Key")) &&
           (!what.upload || what.upload.repeatable);
}

/// Whether the request's deadline or timeout leaves it no time.
[[nodiscard]] inline bool is_too_late(const request& what) noexcept {
    return (what.timeout && what.timeout->count() <= 0) ||
           (what.deadline && *what.deadline <= std::chrono::steady_clock::now());
}

/// A response with its whole body.
struct response {
    int status = 0;
    http::headers headers{};
    std::string body{};
    /// The fields after the body.
    http::headers trailers{};
    /// The URL that answered: the request's own, or the last one of its redirects.
    std::string url{};
    /// How the last transfer went.
    transfer_info info{};
};

}  // namespace weir::http
