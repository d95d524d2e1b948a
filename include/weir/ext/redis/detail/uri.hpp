// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/storage/detail/dsn.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// The pieces of a connection text, percent-decoded.
struct uri {
    std::string scheme;
    std::string user;
    std::string password;
    std::string host;
    std::string port;
    std::string path;  ///< with its slash
    std::vector<std::pair<std::string, std::string>> parameters;
    bool malformed = false;  ///< a percent sign that encodes nothing
};

[[nodiscard]] inline std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most) noexcept {
    std::int64_t value = 0;
    if (text.empty() || text.size() > 12)
        return std::nullopt;
    for (const char c : text) {
        if (!weir::detail::is_digit(c))
            return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value <= most ? std::optional{value} : std::nullopt;
}

/// Splits `scheme://[user[:password]@]host[:port][/path][?name=value&...]`; nothing when there is no scheme.
[[nodiscard]] inline std::optional<uri> split_uri(std::string_view text) {
    uri out;
    const auto mark = text.find("://");
    if (mark == std::string_view::npos)
        return std::nullopt;
    out.scheme = weir::detail::lower(text.substr(0, mark));
    std::string_view rest = text.substr(mark + 3);
    const auto decode = [&](std::string_view piece) {
        auto plain = weir::detail::percent_decoded(piece);
        out.malformed = out.malformed || !plain;
        return std::move(plain).value_or("");
    };

    if (const auto at = rest.find('?'); at != std::string_view::npos) {
        std::string_view query = rest.substr(at + 1);
        rest = rest.substr(0, at);
        while (!query.empty()) {
            const auto end = query.find('&');
            const std::string_view one = query.substr(0, end);
            query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
            const auto equals = one.find('=');
            out.parameters.emplace_back(decode(one.substr(0, equals)), equals == std::string_view::npos
                                                                           ? std::string{}
                                                                           : decode(one.substr(equals + 1)));
        }
    }
    const auto slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    if (slash != std::string_view::npos)
        out.path = decode(rest.substr(slash));
    // The last @ of the authority: a password may hold one that nobody encoded.
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        const std::string_view who = authority.substr(0, at);
        authority = authority.substr(at + 1);
        const auto colon = who.find(':');
        out.user = decode(who.substr(0, colon));
        if (colon != std::string_view::npos)
            out.password = decode(who.substr(colon + 1));
    }
    if (!authority.empty() && authority.front() == '[') {
        const auto close = authority.find(']');
        out.host = decode(authority.substr(1, close == std::string_view::npos ? close : close - 1));
        authority = close == std::string_view::npos ? std::string_view{} : authority.substr(close + 1);
        if (!authority.empty() && authority.front() == ':')
            out.port = authority.substr(1);
        return out;
    }
    const auto colon = authority.rfind(':');
    out.host = decode(authority.substr(0, colon));
    if (colon != std::string_view::npos)
        out.port = authority.substr(colon + 1);
    return out;
}

}  // namespace weir::redis::detail
