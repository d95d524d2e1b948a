// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"
#include "weir/http/head_reader.hpp"
#include "weir/http/message.hpp"

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::curl {

/// Which addresses of a host are used.
enum class ip_family : std::uint8_t { any, v4, v6 };

/// The oldest version of TLS that is spoken.
enum class tls_version : std::uint8_t { v1_2, v1_3 };

/// The options of a `transport`. Servers' certificates are always verified. An empty text, a list without members and
/// an empty function mean: as if the option were not there.
struct options {
    // ---- identity

    /// Sent as `User-Agent` unless the request has its own. Services ask for a name and an address: see `mailto`.
    std::string user_agent = "weir/0.1";
    /// An address that is added to `user_agent`: `my-app/1.2 (mailto:me@example.org)`.
    std::string mailto{};

    // ---- trust

    /// A file of CA certificates in PEM; empty = the system's.
    std::string ca_file{};
    /// A folder of hashed CA certificates; empty = the system's.
    std::string ca_path{};
    /// CA certificates in PEM, as text instead of a file.
    std::string ca_pem{};
    /// The client's certificate and its key: PEM files.
    std::string certificate_file{};
    std::string key_file{};  ///< empty = it is in `certificate_file`
    std::string key_password{};
    /// The server's public key must be one of these: `sha256//` and its hash in base64, several divided by `;`.
    std::string pinned_key{};
    tls_version min_tls = tls_version::v1_2;

    // ---- route

    /// The proxy's URL (`http`, `https`, `socks4`, `socks4a`, `socks5`, `socks5h`); absent = that of the environment
    /// (`https_proxy`, ...); empty = none.
    std::optional<std::string> proxy{};
    /// Whether a proxy is asked for a tunnel (CONNECT) for `http` URLs too; for `https` it always is.
    bool proxy_tunnel = false;
    std::string proxy_user{};
    std::string proxy_password{};
    /// Hosts that are reached without the proxy, divided by commas; absent = those of the environment.
    std::optional<std::string> no_proxy{};
    /// Addresses of hosts, in place of the resolver's: `example.org:443:127.0.0.1`.
    std::vector<std::string> resolve{};
    /// Where to connect to instead: `example.org:443:other.example:8443`. Each part may be empty = any, or the same.
    std::vector<std::string> connect_to{};
    /// The local interface, address or host name to send from.
    std::string interface_name{};
    ip_family family = ip_family::any;
    /// A unix socket to connect to in place of the host.
    std::string unix_socket{};
    /// Whether to connect to an address; it is asked before each new connection, for the proxy's address if there is a
    /// proxy. `http::is_public_address` keeps a redirect from leading into a private network. It must not throw.
    std::function<bool(std::string_view address, std::uint16_t port)> allow_address{};

    // ---- protocol

    /// Whether to ask for bodies in gzip and unpack them. Never for a part of a body. A body that is cut short is an
    /// error.
    bool gzip = false;
    /// The same for zstd, where libcurl has it.
    bool zstd = false;
    /// The same for brotli, where libcurl has it. Its format has no check sum: a cut body is not noticed.
    bool brotli = false;
    /// Whether to use HTTP/2 where a server offers it over TLS.
    bool http2 = true;
    /// Whether to speak HTTP/2 to `http` URLs from the first byte (prior knowledge). Such a server need not know
    /// HTTP/1.
    bool h2c = false;
    /// Whether to try HTTP/3 first for `https` URLs. An error if libcurl was built without it.
    bool http3 = false;
    /// A cookie jar of all requests. Absent = none; empty = in memory; else a file, which is read at the start and
    /// written at the end of the transport.
    std::optional<std::string> cookies{};
    /// Passwords of hosts from a netrc file. Absent = none; empty = `~/.netrc`.
    std::optional<std::string> netrc{};

    // ---- limits

    /// The longest time from the start until a connection is ready, TLS included, in ms; 0 = libcurl's 5 min.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds{10};
    /// The longest time at less than `stall_speed`, in whole seconds; 0 = no limit.
    std::chrono::seconds stall_timeout = std::chrono::seconds{60};
    /// The speed below which a transfer stalls, in bytes a second.
    std::uint32_t stall_speed = 1;
    /// The longest time for a whole transfer if the request sets none, in ms; 0 = no limit.
    std::chrono::milliseconds timeout = std::chrono::milliseconds{0};
    /// The greatest average speed of a transfer, in bytes a second; 0 = no limit.
    std::uint64_t max_receive_speed = 0;
    std::uint64_t max_send_speed = 0;
    /// The limit, in bytes, for the heads of a response. libcurl itself has limits of 100 KB a line, about 300 KB in
    /// all, and 128 KB in HTTP/2.
    std::size_t max_head_bytes = http::head_reader::default_max_bytes;

    // ---- connections

    /// The maximum of idle connections; 0 = none, so that each transfer connects again.
    std::size_t max_idle = 64;
    /// The longest time that an idle connection is kept, in seconds; 0 = for ever. It is closed when the transport is
    /// next used, or by `close_idle`.
    std::chrono::seconds max_idle_age = std::chrono::seconds{60};

    // ---- hooks

    /// Makes A-labels of hosts with letters outside ASCII, such as `weir::idn2::to_ascii`; null = such a host is an
    /// error.
    idna_function idna = nullptr;
    /// Called before each transfer, after all other options are set, for whatever libcurl has besides. It must leave
    /// alone the callbacks, their data and `CURLOPT_PRIVATE`.
    std::function<void(CURL*, const http::request&)> prepare{};
};

}  // namespace weir::curl
