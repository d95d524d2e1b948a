// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/url_text.hpp"

#include "weir/core/key.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace weir::http {

/// An absolute `http` or `https` URL in parts. It has no user and no fragment: a user is refused, a fragment is never
/// sent.
struct url {
    std::string scheme;      ///< `http` or `https`
    std::string host;        ///< canonical, with its port unless that is the scheme's default: a key's host
    std::string path = "/";  ///< as given, starting with `/`; bytes a URL cannot hold are percent-encoded
    std::string query{};     ///< with its `?`; empty = none

    [[nodiscard]] std::string str() const { return fmt::format("{}://{}{}{}", scheme, host, path, query); }
    /// Whether credentials for one may be sent to the other.
    [[nodiscard]] bool same_origin(const url& other) const noexcept {
        return scheme == other.scheme && host == other.host;
    }

    friend bool operator==(const url&, const url&) = default;
};

/// A URL for use in a message or a log: without user, query and fragment, and with unusual bytes escaped.
[[nodiscard]] inline std::string printable_url(std::string_view text) {
    const auto tail = text.find_first_of("?#");
    const bool has_query = tail != std::string_view::npos && text[tail] == '?';
    text = text.substr(0, tail);
    const auto slash = text.find('/');
    const bool has_authority = slash != std::string_view::npos && text.substr(slash, 2) == "//" &&
                               text.substr(0, slash).find('@') == std::string_view::npos;
    const auto from = has_authority ? slash + 2 : 0;
    const auto path = has_authority ? text.find('/', from) : text.size();
    const auto at = text.substr(0, path).rfind('@');
    const bool has_user = at != std::string_view::npos && at >= from;
    return detail::printable(text.substr(0, from)) + detail::printable(text.substr(has_user ? at + 1 : from)) +
           (has_query ? "?..." : "");
}

/// The part of a URL that names its budget: `host` or `host:port`, without the scheme's default port. The host is
/// returned as it is spelt: the registry makes it canonical.
///
/// **Errors.** `errc::bad_url`: another scheme, a user, no host, a bad port. **Lifetime.** The URL's.
/// **Complexity.** One pass over the host, no allocation.
[[nodiscard]] inline result<std::string_view> budget_host(std::string_view text) {
    detail::url_parts parts;
    if (const auto fault = detail::split_url(text, parts); fault != detail::url_fault::none) [[unlikely]]
        return error{errc::bad_url, fmt::format("URL \"{}\": {}", printable_url(text), detail::to_string(fault))};
    return parts.host;
}

/// Splits a URL into its parts.
///
/// **Errors.** `errc::bad_url` as `budget_host`, for a host that cannot be made canonical, and for control characters.
[[nodiscard]] inline result<url> parse_url(std::string_view text, idna_function idna = nullptr) {
    const auto bad = [text](std::string_view why) {
        return error{errc::bad_url, fmt::format("URL \"{}\": {}", printable_url(text), why)};
    };
    detail::url_parts parts;
    if (const auto fault = detail::split_url(text, parts); fault != detail::url_fault::none)
        return bad(detail::to_string(fault));
    if (detail::has_control(text))
        return bad("it holds a control character");
    auto host = canonical_host(parts.host, idna);
    if (!host)
        return bad(host.error().message);
    url out{.scheme = parts.secure ? "https" : "http", .host = std::move(*host)};
    detail::split_path(parts.rest, out.path, out.query);
    if (!out.path.starts_with('/'))
        out.path.insert(0, "/");
    return out;
}

/// The URL that a reference, such as the value of `Location`, means at `base`: RFC 3986 §5.2, dot segments removed.
///
/// **Errors.** As `parse_url`; also for a scheme that is neither `http` nor `https`.
[[nodiscard]] inline result<url> resolve(const url& base, std::string_view reference, idna_function idna = nullptr) {
    reference = weir::detail::trim(reference);
    if (detail::has_scheme(reference) || reference.starts_with("//")) {
        const std::string absolute =
            reference.starts_with('/') ? fmt::format("{}:{}", base.scheme, reference) : std::string{};
        auto out = parse_url(absolute.empty() ? reference : std::string_view{absolute}, idna);
        if (out)
            out->path = detail::without_dot_segments(out->path);
        return out;
    }
    if (detail::has_control(reference))
        return error{errc::bad_url, fmt::format("URL \"{}\": it holds a control character", printable_url(reference))};
    std::string path;
    std::string query;
    detail::split_path(reference, path, query);
    url out = base;
    if (path.empty()) {
        if (!query.empty())
            out.query = std::move(query);
        return out;
    }
    if (!path.starts_with('/'))
        path.insert(0, base.path, 0, base.path.rfind('/') + 1);
    out.path = detail::without_dot_segments(path);
    out.query = std::move(query);
    return out;
}

}  // namespace weir::http
