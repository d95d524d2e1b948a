// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/storage/remote/dsn.hpp"

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
    struct address {
        std::string host;
        std::string port;
    };
    std::string scheme;
    std::string user;
    std::string password;
    std::vector<address> addresses;  ///< at least one, which may be empty
    std::string path;                ///< with its slash
    std::vector<std::pair<std::string, std::string>> parameters;
    bool malformed = false;       ///< a percent sign without two hexadecimal digits
    bool misplaced_user = false;  ///< there is an @ in the path, or in the name of a parameter
    bool repeats_user = false;    ///< another address than the first has a user or a password
};

inline constexpr std::int64_t max_db = 1'000'000;

[[nodiscard]] inline std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t max) noexcept {
    std::int64_t value = 0;
    if (text.empty() || text.size() > 12)
        return std::nullopt;
    for (const char c : text) {
        if (!weir::detail::is_digit(c))
            return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value <= max ? std::optional{value} : std::nullopt;
}

/// Splits `host[:port]` or `[address][:port]`.
template <class Decode>
[[nodiscard]] uri::address split_address(std::string_view text, Decode&& decode) {
    uri::address out;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        out.host = decode(text.substr(1, close == std::string_view::npos ? close : close - 1));
        text = close == std::string_view::npos ? std::string_view{} : text.substr(close + 1);
        if (!text.empty() && text.front() == ':')
            out.port = text.substr(1);
        return out;
    }
    const auto colon = text.rfind(':');
    out.host = decode(text.substr(0, colon));
    if (colon != std::string_view::npos)
        out.port = text.substr(colon + 1);
    return out;
}

/// Splits `[user[:password]@]address[,address...]`; `decode` decodes percent signs.
template <class Decode>
void split_authority(std::string_view text, uri& out, Decode&& decode) {
    // The last @, because a password may contain one that is not encoded.
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const std::string_view user = text.substr(0, at);
        text = text.substr(at + 1);
        const auto before = user.find('@');
        out.repeats_user = before != std::string_view::npos && user.find(',', before) != std::string_view::npos;
        const auto colon = user.find(':');
        out.user = decode(user.substr(0, colon));
        if (colon != std::string_view::npos)
            out.password = decode(user.substr(colon + 1));
    }
    for (std::size_t comma = 0; comma != std::string_view::npos;) {
        comma = text.find(',');
        out.addresses.push_back(split_address(text.substr(0, comma), decode));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
}

/// Splits `name=value&...`.
template <class Decode>
void split_query(std::string_view text, uri& out, Decode&& decode) {
    while (!text.empty()) {
        const auto end = text.find('&');
        const std::string_view one = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        const auto equals = one.find('=');
        out.misplaced_user = out.misplaced_user || one.substr(0, equals).find('@') != std::string_view::npos;
        std::string name = decode(one.substr(0, equals));
        std::string value = equals == std::string_view::npos ? std::string{} : decode(one.substr(equals + 1));
        out.parameters.emplace_back(std::move(name), std::move(value));
    }
}

/// Splits `scheme://[user[:password]@]host[:port][,host[:port]...][/path][?name=value&...]`; nothing if there is no
/// scheme.
[[nodiscard]] inline std::optional<uri> split_uri(std::string_view text) {
    uri out;
    const auto mark = text.find("://");
    if (mark == std::string_view::npos)
        return std::nullopt;
    const auto decode = [&](std::string_view piece) {
        auto plain = remote::percent_decoded(piece);
        out.malformed = out.malformed || !plain;
        return std::move(plain).value_or("");
    };
    out.scheme = weir::detail::lower(text.substr(0, mark));
    std::string_view rest = text.substr(mark + 3);
    if (const auto at = rest.find('?'); at != std::string_view::npos) {
        split_query(rest.substr(at + 1), out, decode);
        rest = rest.substr(0, at);
    }
    const auto slash = rest.find('/');
    if (slash != std::string_view::npos) {
        out.path = decode(rest.substr(slash));
        // A socket's path may have one.
        const bool is_path = out.scheme.ends_with("+unix");
        out.misplaced_user = out.misplaced_user || (!is_path && rest.find('@', slash) != std::string_view::npos);
    }
    split_authority(rest.substr(0, slash), out, decode);
    return out;
}

}  // namespace weir::redis::detail
