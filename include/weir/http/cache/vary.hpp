// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

namespace detail {

/// A hash of a text (FNV-1a, 64 bits), the same in every process.
inline std::string fingerprint(std::string_view text) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return fmt::format("{:016x}", hash);
}

/// All lines of a request's field as one, without the white space that means nothing; in lower case for the fields of
/// content negotiation, whose values have no case (RFC 9111 §4.1).
inline std::optional<std::string> normalised(const headers& request, std::string_view name) {
    const auto text = request.joined(name);
    if (!text)
        return std::nullopt;
    std::string out;
    for (const std::string_view member : list_members(*text)) {
        if (!out.empty())
            out += ", ";
        bool quoted = false;
        for (const char c : member) {
            quoted = quoted != (c == '"');
            // White space around the parameters of a member means nothing.
            if (quoted || !weir::detail::is_space(c))
                out += c;
            else if (!out.ends_with(' ') && !out.ends_with(';'))
                out += ' ';
            if (c == ';' && !quoted && out.size() > 1 && out[out.size() - 2] == ' ')
                out.erase(out.size() - 2, 1);
        }
    }
    for (const std::string_view negotiated : {"accept", "accept-encoding", "accept-language", "accept-charset"})
        if (weir::detail::same_ignoring_case(name, negotiated))
            return weir::detail::lower(out);
    return out;
}

}  // namespace detail

/// The request's fields that `Vary` names, as they are compared. A name without a field is left out.
///
/// A response to a request with `Authorization` answers only requests with the same one, unless it is `public`: one
/// program may use several accounts. Of its value only a hash is kept.
[[nodiscard]] inline headers selecting_fields(const headers& response, const headers& request) {
    headers out;
    if (const auto secret = request.first("Authorization"); secret && !parse_cache_control(response).is_public)
        out.set("authorization", detail::fingerprint(*secret));
    if (const auto vary = response.joined("Vary"))
        for (const std::string& name : detail::field_names(*vary))
            if (const auto value = detail::normalised(request, name))
                out.set(name, name == "authorization" ? detail::fingerprint(*value) : *value);
    return out;
}

/// Whether `Vary` says that no other request can be answered with this response.
[[nodiscard]] inline bool varies_by_everything(const headers& response) {
    const auto vary = response.joined("Vary");
    if (!vary)
        return false;
    const auto names = detail::list_members(*vary);
    return std::ranges::find(names, "*") != names.end();
}

/// Whether the stored response answers a request with these fields (RFC 9111 §4.1).
[[nodiscard]] inline bool selected_by(const stored_response& stored, const headers& request) {
    return !varies_by_everything(stored.headers) && selecting_fields(stored.headers, request) == stored.selecting;
}

}  // namespace weir::http
