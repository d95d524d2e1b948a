// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace weir::curl {

/// The options of a `transport`. Servers' certificates are always verified.
struct options {
    /// Sent as `User-Agent` unless the request has its own. Services ask for a name and an address: `my-app/1.2
    /// (mailto:me@example.org)`.
    std::string user_agent = "weir/0.1";
    /// A file of CA certificates in PEM; empty = the system's.
    std::string ca_file{};
    /// A folder of hashed CA certificates; empty = the system's.
    std::string ca_path{};
    /// The proxy's URL; absent = that of the environment (`https_proxy`, ...); empty = none.
    std::optional<std::string> proxy{};
    /// Whether to ask for compressed bodies and unpack them. Never for a part of a body.
    bool gzip = false;
    /// Whether to use HTTP/2 where a server offers it over TLS.
    bool http2 = true;
    /// Whether to speak HTTP/2 to `http` URLs from the first byte (prior knowledge). Such a server need not know
    /// HTTP/1.
    bool h2c = false;
    /// Whether a proxy is asked for a tunnel (CONNECT) for `http` URLs too; for `https` it always is.
    bool proxy_tunnel = false;
    /// The longest time from the start until a connection is ready, TLS included, in ms; 0 = libcurl's 5 min.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds{10};
    /// The longest time without a byte in either direction, in whole seconds; 0 = no limit.
    std::chrono::seconds stall_timeout = std::chrono::seconds{60};
    /// The longest time for a whole transfer if the request sets none, in ms; 0 = no limit.
    std::chrono::milliseconds timeout = std::chrono::milliseconds{0};
    /// The maximum of idle sessions, each with its connections; 0 = none, so that each transfer connects again.
    std::size_t max_idle = 64;
    /// Makes A-labels of hosts with letters outside ASCII, such as `weir::idn2::to_ascii`; null = such a host is an
    /// error.
    idna_function idna = nullptr;
};

}  // namespace weir::curl
