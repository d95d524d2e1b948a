// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <cstdint>
#include <string>

namespace weir::http {

/// How a transfer went, as far as its transport knows. The times are in ns from the start of `send`; 0 = it did not
/// come to that.
struct transfer_info {
    /// The protocol's version: `1.0`, `1.1`, `2` or `3`; empty = there was no answer.
    std::string version{};
    /// The address and port that were connected to: the server's, or the proxy's.
    std::string peer{};
    std::uint16_t peer_port = 0;
    /// How often the request was sent: more than once only if `receiver::again` agreed; 0 = it never left.
    int attempts = 0;
    /// Whether the last attempt used a connection that was already open.
    bool reused = false;
    duration resolved{};               ///< until the host's address was known
    duration connected{};              ///< until the connection was made
    duration secured{};                ///< until TLS was ready
    duration ready{};                  ///< until the request could be sent
    duration first_byte{};             ///< until the first byte of the answer
    duration total{};                  ///< until the end
    std::uint64_t bytes_sent = 0;      ///< of the last attempt, head and body, without TLS
    std::uint64_t bytes_received = 0;  ///< of the last attempt, head and body as they came: before they are unpacked
};

}  // namespace weir::http
