// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/closest_match.hpp"
#include "weir/core/text.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace proxy {

/// What the command line asks for.
struct options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8118;
    /// The URL before each request's path; empty = the path begins with the URL that is asked for.
    std::string upstream;
    std::string role = "metadata";
    /// Where responses are stored: `memory`, `off`, or the name of an SQLite file.
    std::string cache = "memory";
    std::size_t cache_bytes = std::size_t{256} << 20U;
    std::size_t max_connections = 256;
    std::size_t max_body = std::size_t{64} << 20U;
    std::string user_agent;
    bool help = false;
    bool version = false;
};

class usage_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

inline constexpr std::string_view help_text =
    R"(weir-proxy: a loopback HTTP proxy with limits and a cache, for programs in any language

Usage: weir-proxy [FLAGS]

  curl http://127.0.0.1:8118/https://api.crossref.org/works/10.1038/nature12373     a base URL
  http_proxy=http://127.0.0.1:8118 curl http://api.example.org/                     a forward proxy for http
  weir-proxy --upstream https://api.crossref.org && curl http://127.0.0.1:8118/works   one server alone

  --listen HOST:PORT      where it listens (default 127.0.0.1:8118); port 0 takes a free one and prints it
  --upstream URL          the server of every request; without it, the path or the proxy request names the server
  --role ROLE             the role that requests count in (default metadata); the field X-Weir-Role overrides it
  --cache WHERE           memory (default), off, or the name of an SQLite file that processes share
  --cache-bytes N         the most that stored responses take (default 268435456)
  --max-connections N     clients at a time; more wait to be accepted (default 256)
  --max-body N            the largest body of a request, in bytes (default 67108864)
  --user-agent TEXT       for requests that have none
  --help                  this text
  --version               version, compiler and stores

A request that the limiter refuses is answered with 503 and Retry-After. A server that cannot be reached is 502, one that is
too slow 504. TLS is made by the proxy, so CONNECT is refused: write https:// in the path. SIGHUP reads the configuration again.

)";

namespace detail {

inline constexpr std::array<std::string_view, 10> flags{"--listen",          "--upstream", "--role",       "--cache",
                                                        "--cache-bytes",     "--max-body", "--user-agent", "--help",
                                                        "--max-connections", "--version"};

template <class Number>
Number number(std::string_view flag, std::string_view text, Number min) {
    Number out{};
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (fault != std::errc{} || end != text.data() + text.size() || out < min)
        throw usage_error{fmt::format("{}: {} is no number of at least {}", flag, weir::detail::in_quotes(text), min)};
    return out;
}

}  // namespace detail

/// Reads the flags that are left after those of the limiter.
///
/// **Errors.** Throws `usage_error`, which says what to write instead.
[[nodiscard]] inline options parse_options(std::span<const char* const> arguments) {
    options out;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const auto equals = argument.find('=');
        const std::string_view flag = argument == "-h" ? "--help" : argument.substr(0, equals);
        if (std::find(detail::flags.begin(), detail::flags.end(), flag) == detail::flags.end()) {
            const std::string guess = weir::closest_match(flag, detail::flags);
            throw usage_error{fmt::format("unknown flag {}{}", weir::detail::in_quotes(flag),
                                          guess.empty() ? "" : fmt::format("; did you mean {}?", guess))};
        }
        if (flag == "--help" || flag == "--version") {
            (flag == "--help" ? out.help : out.version) = true;
            continue;
        }
        if (equals == std::string_view::npos && i + 1 == arguments.size())
            throw usage_error{fmt::format("{} needs a value", flag)};
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{arguments[++i]} : argument.substr(equals + 1);
        if (value.empty())
            throw usage_error{fmt::format("{} needs a value that is not empty", flag)};
        if (flag == "--listen") {
            const auto colon = value.rfind(':');
            if (colon == std::string_view::npos)
                throw usage_error{fmt::format("--listen: {} is no HOST:PORT", weir::detail::in_quotes(value))};
            out.host = value.substr(0, colon);
            out.port = detail::number<std::uint16_t>(flag, value.substr(colon + 1), 0);
        } else if (flag == "--upstream") {
            if (const auto url = weir::http::parse_url(value); !url)
                throw usage_error{fmt::format("--upstream: {}", url.error().message)};
            out.upstream = value;
            while (out.upstream.ends_with('/'))
                out.upstream.pop_back();
        } else if (flag == "--role") {
            out.role = value;
        } else if (flag == "--cache") {
            out.cache = value;
        } else if (flag == "--cache-bytes") {
            out.cache_bytes = detail::number<std::size_t>(flag, value, 1);
        } else if (flag == "--max-connections") {
            out.max_connections = detail::number<std::size_t>(flag, value, 1);
        } else if (flag == "--max-body") {
            out.max_body = detail::number<std::size_t>(flag, value, 0);
        } else {
            out.user_agent = value;
        }
    }
    return out;
}

}  // namespace proxy
