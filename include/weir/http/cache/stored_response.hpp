// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace weir::http {

/// Time as servers and files know it: a response's `Date` is compared with it. In ms.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// The part of a representation that a 206 response has: bytes `first` to `last` of `total`.
struct byte_range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t total = 0;

    friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// A response in a cache, with what decides which requests it answers.
struct stored_response {
    int status = 0;
    /// Without the fields of one connection, such as `Connection` and `Transfer-Encoding`.
    http::headers headers{};
    std::string body{};
    /// Present if the body is only a part of the representation; then `status` is 206.
    std::optional<byte_range> range{};
    /// The request's fields that `Vary` names, in lower case and normalised. A request with the same ones gets this
    /// response.
    http::headers selecting{};
    /// When the request was sent and when the head of the response arrived; of the last validation if there was one.
    wall_time requested{};
    wall_time received{};
};

/// Stored responses are not changed, so that a hit costs no copy of the body.
using shared_response = std::shared_ptr<const stored_response>;

}  // namespace weir::http
