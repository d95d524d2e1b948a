// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http::detail {

enum class url_fault : std::uint8_t { none, scheme, user, host, port };

[[nodiscard]] constexpr std::string_view to_string(url_fault what) noexcept {
    switch (what) {
    case url_fault::none:
        return "nothing is wrong";
    case url_fault::scheme:
        return "it does not start with \"http://\" or \"https://\"";
    case url_fault::user:
        return "it names a user; send an Authorization header instead";
    case url_fault::host:
        return "it has no host";
    case url_fault::port:
        return "its port is not a number from 1 to 65535";
    }
    return "?";
}

/// Views into a URL's text.
struct url_parts {
    bool secure = false;
    std::string_view host;  ///< with its port unless that is the scheme's default; its spelling as given
    std::string_view rest;  ///< path, query and fragment; may be empty
};

/// The bytes that end a plain host name.
inline constexpr auto ends_host = [] {
    std::array<bool, 256> out{};
    for (const char c : {'/', '?', '#', '@', ':', '[', '\\'})
        out[static_cast<unsigned char>(c)] = true;
    return out;
}();

/// Splits an authority with a port, an address in brackets or a user. `at` is the offset of the authority.
[[nodiscard]] constexpr url_fault split_authority(std::string_view text, std::size_t at, url_parts& out) noexcept {
    const auto end = text.find_first_of("/?#\\", at);
    std::string_view authority = text.substr(at, end == std::string_view::npos ? end : end - at);
    out.rest = text.substr(at + authority.size());
    // Some programs read "\" as "/". They would see another host than we do.
    if (out.rest.starts_with('\\'))
        return url_fault::host;
    if (authority.find('@') != std::string_view::npos)
        return url_fault::user;
    const auto bracket = authority.starts_with('[') ? authority.find(']') : 0;
    if (bracket == std::string_view::npos)
        return url_fault::host;
    if (const auto colon = authority.find(':', bracket); colon != std::string_view::npos) {
        const std::string_view port = authority.substr(colon + 1);
        const auto number = weir::detail::port_number(port);
        if (!port.empty() && number == 0)
            return url_fault::port;
        if (port.empty() || number == (out.secure ? 443U : 80U))
            authority = authority.substr(0, colon);
        if (colon == 0)
            return url_fault::host;
    }
    out.host = authority;
    return authority.empty() ? url_fault::host : url_fault::none;
}

/// Finds the parts of a URL without a copy.
[[nodiscard]] constexpr url_fault split_url(std::string_view text, url_parts& out) noexcept {
    std::size_t at = 0;
    if (text.starts_with("https://")) {
        at = 8;
    } else if (text.starts_with("http://")) {
        at = 7;
    } else if (weir::detail::same_ignoring_case(text.substr(0, 8), "https://")) {
        at = 8;
    } else if (weir::detail::same_ignoring_case(text.substr(0, 7), "http://")) {
        at = 7;
    } else {
        return url_fault::scheme;
    }
    out.secure = at == 8;
    std::size_t end = at;
    while (end < text.size() && !ends_host[static_cast<unsigned char>(text[end])])
        ++end;
    if (end > at && (end == text.size() || text[end] == '/')) [[likely]] {
        out.host = text.substr(at, end - at);
        out.rest = text.substr(end);
        return url_fault::none;
    }
    return split_authority(text, at, out);
}

[[nodiscard]] constexpr bool has_control(std::string_view text) noexcept {
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return true;
    return false;
}

/// Whether a reference starts with `scheme:`.
[[nodiscard]] constexpr bool has_scheme(std::string_view text) noexcept {
    if (text.empty() || !weir::detail::is_alpha(text.front()))
        return false;
    for (const char c : text) {
        if (c == ':')
            return true;
        if (!weir::detail::is_alpha(c) && !weir::detail::is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return false;
}

/// The text for use in a message: all but visible ASCII characters are percent-encoded.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte > 0x7e)
            out += fmt::format("%{:02X}", byte);
        else
            out += c;
    }
    return out;
}

/// Percent-encodes the bytes that no part of a URL may contain. Everything else stays, including existing escapes.
[[nodiscard]] inline std::string encoded(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 1);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool odd =
            byte <= 0x20 || byte >= 0x7f || std::string_view{"\"<>\\^`{|}"}.find(c) != std::string_view::npos;
        if (odd)
            out += fmt::format("%{:02X}", byte);
        else
            out += c;
    }
    return out;
}

/// A fragment with its `#`, encoded like the rest of a URL.
[[nodiscard]] inline std::string encoded_fragment(std::string_view text) { return "#" + encoded(text.substr(1)); }

/// Splits the text after the authority into path and query (with its `?`), and drops the fragment.
inline void split_path(std::string_view rest, std::string& path, std::string& query) {
    rest = rest.substr(0, rest.find('#'));
    const auto mark = rest.find('?');
    path = encoded(rest.substr(0, mark));
    query = mark == std::string_view::npos ? std::string{} : encoded(rest.substr(mark));
}

/// RFC 3986 §5.2.4 for a path that starts with `/`.
[[nodiscard]] inline std::string without_dot_segments(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    while (!path.empty()) {
        const auto next = path.find('/', 1);
        const std::string_view segment = path.substr(1, next == std::string_view::npos ? next : next - 1);
        const bool last = next == std::string_view::npos;
        if (segment == "..") {
            if (const auto cut = out.rfind('/'); cut != std::string::npos)
                out.resize(cut);
        } else if (segment != ".") {
            out.append("/").append(segment);
        }
        if (last && (segment == "." || segment == ".."))
            out += '/';
        path.remove_prefix(last ? path.size() : next);
    }
    return out.empty() ? "/" : out;
}

}  // namespace weir::http::detail
