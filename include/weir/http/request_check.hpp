// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/message.hpp"

#include "weir/core/text.hpp"

#include <cstddef>
#include <string_view>

namespace weir::http {

/// Whether `text` may be a method or a field's name: a token of RFC 9110 §5.6.2.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text)
        if (!weir::detail::is_alpha(c) && !weir::detail::is_digit(c) &&
            std::string_view{"!#$%&'*+-.^_`|~"}.find(c) == std::string_view::npos)
            return false;
    return !text.empty();
}

/// Whether `text` may be a field's value (RFC 9110 §5.5): visible characters, bytes outside ASCII, blanks and tabs.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

/// The limit, in bytes, for the URL and the fields of a request together. libcurl cannot send more than 1 MB.
inline constexpr std::size_t max_request_head = std::size_t{512} << 10U;

namespace detail {

/// Whether `text` may stand in a Host field: a name or an address, and a port. Its spelling is not checked further.
[[nodiscard]] constexpr bool is_host_value(std::string_view text) noexcept {
    for (const char c : text)
        if (!weir::detail::is_alpha(c) && !weir::detail::is_digit(c) && static_cast<unsigned char>(c) < 0x80 &&
            std::string_view{"-._~%!$&'()*+,;=:[]"}.find(c) == std::string_view::npos)
            return false;
    return !text.empty();
}

/// What is wrong with one field; empty if nothing.
[[nodiscard]] constexpr std::string_view field_fault(std::string_view name, std::string_view value) noexcept {
    using weir::detail::same_ignoring_case;
    if (!is_token(name))
        return "a header field's name is not a token";
    if (!is_field_value(value))
        return "a header field's value has a control character";
    value = weir::detail::trim(value);
    // They say where the message ends, and only the transport knows it. A second opinion would split the stream.
    for (const std::string_view framing : {"Content-Length", "Transfer-Encoding"})
        if (same_ignoring_case(name, framing))
            return "Content-Length and Transfer-Encoding are the transport's: they follow from the body";
    for (const std::string_view change : {"Upgrade", "HTTP2-Settings", "Keep-Alive", "Proxy-Connection"})
        if (same_ignoring_case(name, change))
            return "a field that concerns the connection is the transport's";
    if (same_ignoring_case(name, "Connection") && !same_ignoring_case(value, "close") &&
        !same_ignoring_case(value, "keep-alive"))
        return "Connection may be \"close\" or \"keep-alive\"";
    if (same_ignoring_case(name, "TE") && !same_ignoring_case(value, "trailers"))
        return "TE may be \"trailers\"";
    if (same_ignoring_case(name, "Host") && !is_host_value(value))
        return "Host is a name or an address, and a port";
    return {};
}

}  // namespace detail

/// What prevents a request from being sent; empty if nothing. It looks at everything that goes on the wire except the
/// URL, which `parse_url` checks: method, fields, range and body. Every transport calls it before it connects.
///
/// **Complexity.** One pass over the fields, no allocation.
[[nodiscard]] inline std::string_view request_fault(const request& what) noexcept {
    using weir::detail::same_ignoring_case;
    if (!is_token(what.method))
        return "the method is not a token";
    if (same_ignoring_case(what.method, "CONNECT"))
        return "CONNECT opens a tunnel: set the proxy option of the transport";
    if (same_ignoring_case(what.method, "TRACE"))
        return "TRACE shows credentials to whoever reads its answer";
    if (what.upload && !what.body.empty())
        return "it has two bodies: set body or upload";
    std::size_t size = what.url.size();
    for (const header& h : what.headers) {
        if (const auto fault = detail::field_fault(h.name, h.value); !fault.empty())
            return fault;
        size += h.name.size() + h.value.size() + 4;
    }
    if (size > max_request_head)
        return "its URL and fields are larger than 512 KiB";
    for (const std::string_view once : {"Host", "Range", "User-Agent", "Authorization", "Content-Type"})
        if (what.headers.count(once) > 1)
            return "Host, Range, User-Agent, Authorization and Content-Type may occur once";
    if (what.resume_from && what.headers.contains("Range"))
        return "it has two ranges: set resume_from or the field Range";
    return {};
}

}  // namespace weir::http
