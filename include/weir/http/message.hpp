// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"

#include "weir/core/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

namespace weir::http {

/// What is asked of a server, and what the limiter must know of it.
///
/// ```
/// http.send({.url = "https://api.crossref.org/works/10.1038/nature12373", .role = "metadata"});
/// ```
struct request {
    /// A token; `HEAD` in any case asks for the headers alone.
    std::string method = "GET";
    /// Absolute, `http` or `https`, without a user; a fragment is not sent.
    std::string url{};
    http::headers headers{};
    /// Sent as it is; empty = none.
    std::string body{};
    /// Which of the host's budgets pays.
    std::string role = "metadata";
    /// Units it takes from that budget, at least 1.
    std::int64_t cost = 1;
    /// The longest it waits for the budget, in ns; absent = the policy's `max_delay`; 0 = decide at once.
    std::optional<duration> max_delay{};
    /// The longest the exchange may take once it is admitted, to the end of its body, in ms; 0 = no limit; absent = the
    /// transport's own.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Ends waiting and transfer when stop is requested.
    std::stop_token stop{};
    /// Asks for the body from this byte on: 206 = that is what comes, 200 = all of it comes, 416 = there is no such
    /// byte.
    std::optional<std::uint64_t> resume_from{};
};

/// An answer whose body was collected.
struct response {
    int status = 0;
    http::headers headers{};
    std::string body{};
    /// The URL that answered: the request's, or where redirects led.
    std::string url{};
};

}  // namespace weir::http
