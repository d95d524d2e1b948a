// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/ip_text.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// What a budget belongs to: a canonical host and a role.
struct key {
    std::string host;  ///< canonical: see `canonical_host`
    std::string role;  ///< a role that the configuration declares

    friend auto operator<=>(const key&, const key&) = default;
};

/// Turns a host with letters outside ASCII into A-labels (`xn--…`), or returns nothing if it cannot.
/// `weir::idn2::to_ascii` is such a function.
using idna_function = std::optional<std::string> (*)(std::string_view host);

namespace detail {

enum class host_form : std::uint8_t { canonical, needs_work, bad };

/// Classifies a host in one pass: canonical as it is, or not. `canonical_host` handles everything unusual.
[[nodiscard]] constexpr host_form classify_host(std::string_view host) noexcept {
    if (host.empty() || host.size() > 253)
        return host_form::needs_work;
    char before = '.';
    bool label_is_number = false;  // as far as its first character goes: names of domains end in a letter's label
    for (const char c : host) {
        const bool plain = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
        if (!plain && (c != '.' || before == '.'))
            return host_form::needs_work;
        if (before == '.')
            label_is_number = is_digit(c);
        before = c;
    }
    if (label_is_number && ends_in_number(host) && !dotted_quad(host)) [[unlikely]]
        return host_form::needs_work;
    return before == '.' ? host_form::needs_work : host_form::canonical;
}

/// The number of a port; 0 if it is none from 1 to 65535. Leading zeros mean nothing.
[[nodiscard]] constexpr std::uint32_t port_number(std::string_view port) noexcept {
    std::uint32_t value = 0;
    for (const char c : port) {
        if (!is_digit(c))
            return 0;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
        if (value > 65535)
            return 0;
    }
    return value;
}

}  // namespace detail

/// The single spelling of a host that names its budget: lower case, A-labels, no trailing dot. An IPv4 address is four
/// decimal numbers, whatever form of the URL Standard it had (`127.1`, `0x7f000001`); an IPv6 address stands in
/// brackets in the form of RFC 5952. A port has no leading zeros; the HTTP layer removes the scheme's default port.
///
/// **Errors.** `errc::bad_host` if it is not a host: empty, over 253 bytes, with a scheme, path or user, an empty
/// label, a bad port or address, or letters outside ASCII while `idna` is null. **Complexity.** One pass; only the
/// result is allocated.
[[nodiscard]] inline result<std::string> canonical_host(std::string_view host, idna_function idna = nullptr) {
    if (detail::classify_host(host) == detail::host_form::canonical)
        return std::string{host};
    const auto bad = [host](std::string_view why) {
        return error{errc::bad_host, fmt::format("host {}: {}", detail::in_quotes(host), why)};
    };
    if (host.empty())
        return bad("it is empty; write a name such as \"api.crossref.org\"");
    if (host.find("://") != std::string_view::npos || host.find('/') != std::string_view::npos)
        return bad("write the host alone, without scheme or path");
    if (host.find('@') != std::string_view::npos)
        return bad("write the host alone, without a user");

    std::string_view name = host;
    if (name.front() == '[') {
        const auto close = name.find(']');
        if (close == std::string_view::npos || close < 3)
            return bad("an IPv6 address is closed by \"]\"");
        const auto address = detail::ipv6_bytes(name.substr(1, close - 1));
        if (!address)
            return bad("that is not an IPv6 address");
        std::uint32_t number = 0;
        if (close + 1 < name.size()) {
            if (name[close + 1] != ':')
                return bad("only \":port\" may follow the address");
            number = detail::port_number(name.substr(close + 2));
            if (number == 0)
                return bad("a port is a number from 1 to 65535");
        }
        const std::string text = detail::ipv6_text(*address);
        return number == 0 ? fmt::format("[{}]", text) : fmt::format("[{}]:{}", text, number);
    }
    std::uint32_t port = 0;
    if (const auto colon = name.rfind(':'); colon != std::string_view::npos) {
        port = detail::port_number(name.substr(colon + 1));
        name = name.substr(0, colon);
        if (name.find(':') != std::string_view::npos)
            return bad("an IPv6 address stands in brackets");
        if (port == 0)
            return bad("a port is a number from 1 to 65535 (an IPv6 address stands in brackets)");
    }
    if (!name.empty() && name.back() == '.')
        name.remove_suffix(1);

    std::string out;
    bool ascii = true;
    for (const char c : name)
        ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    if (ascii) {
        out = detail::lower(name);
    } else {
        if (idna == nullptr)
            return bad(
                "it has letters outside ASCII; write its A-label (xn--...), or give the registry an IDNA function "
                "such as weir::idn2::to_ascii");
        auto converted = idna(name);
        if (!converted)
            return bad("it has no A-label form; check its spelling");
        out = std::move(*converted);
    }
    if (detail::ends_in_number(out)) {
        const auto address = detail::ipv4_number(out);
        if (!address)
            return bad("its last label is a number, and it is not an IPv4 address");
        out = detail::to_dotted_quad(*address);
    }
    if (detail::classify_host(out) != detail::host_form::canonical)
        return bad("a host is at most 253 letters, digits, \"-\" and \"_\" in labels divided by single dots");
    if (port != 0)
        out.append(":").append(std::to_string(port));
    return out;
}

}  // namespace weir
