// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/detail/validators.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/cache/vary.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

namespace detail {

/// Whether a field belongs to one connection or one hop, and is never stored (RFC 9111 §3.1).
[[nodiscard]] inline bool of_one_hop(std::string_view name, const std::vector<std::string>& listed) {
    constexpr std::array<std::string_view, 10> known{"Connection",
                                                     "Keep-Alive",
                                                     "Proxy-Connection",
                                                     "Proxy-Authenticate",
                                                     "Proxy-Authorization",
                                                     "Proxy-Authentication-Info",
                                                     "TE",
                                                     "Trailer",
                                                     "Transfer-Encoding",
                                                     "Upgrade"};
    const auto same = [name](std::string_view other) { return weir::detail::same_ignoring_case(name, other); };
    return std::ranges::any_of(known, same) || std::ranges::any_of(listed, same);
}

/// The names that `Connection` lists.
[[nodiscard]] inline std::vector<std::string> connection_fields(const headers& fields) {
    const auto text = fields.joined("Connection");
    return text ? field_names(*text) : std::vector<std::string>{};
}

/// Fields that describe the stored bytes. A 304 has no body, so it does not change them (RFC 9111 §3.2).
[[nodiscard]] inline bool of_the_body(std::string_view name) {
    constexpr std::array<std::string_view, 3> known{"Content-Encoding", "Content-Length", "Content-Range"};
    return std::ranges::any_of(known, [name](std::string_view k) { return weir::detail::same_ignoring_case(name, k); });
}

}  // namespace detail

/// The fields of a response that are stored: all but those of one hop (RFC 9111 §3.1).
[[nodiscard]] inline headers storable_fields(const headers& fields) {
    const auto listed = detail::connection_fields(fields);
    headers out;
    for (const header& field : fields)
        if (!detail::of_one_hop(field.name, listed))
            out.add(field.name, field.value);
    return out;
}

/// A response as it is stored.
[[nodiscard]] inline stored_response make_stored(const request& what, int status, const headers& fields,
                                                 std::string body, wall_time requested, wall_time received) {
    stored_response out{.status = status,
                        .headers = storable_fields(fields),
                        .body = std::move(body),
                        .selecting = selecting_fields(fields, what.headers),
                        .requested = requested,
                        .received = received};
    if (status == 206)
        if (const auto part = fields.first("Content-Range"))
            out.range = detail::part_of_known_total(*part);
    return out;
}

/// Whether a 304 is about this stored response (RFC 9111 §4.3.4): by a strong validator, or by the one weak validator
/// that both have. A 304 without a validator is about the one response that the request was conditional on.
[[nodiscard]] inline bool validates(const headers& not_modified, const stored_response& stored) {
    if (const auto tag = not_modified.first("ETag")) {
        const auto own = stored.headers.first("ETag");
        return own && (tag->starts_with("W/") ? detail::weakly_equal(*tag, *own) : *tag == *own);
    }
    if (const auto modified = not_modified.first("Last-Modified"))
        if (const auto own = stored.headers.first("Last-Modified"))
            return *modified == *own;
    return true;
}

/// The stored response with the fields that a 304, or a response to HEAD, has brought (RFC 9111 §3.2).
[[nodiscard]] inline stored_response updated(const stored_response& stored, const request& what, const headers& fresh,
                                             wall_time requested, wall_time received) {
    stored_response out = stored;
    const auto listed = detail::connection_fields(fresh);
    const auto kept = [&](std::string_view name) {
        return detail::of_one_hop(name, listed) || detail::of_the_body(name);
    };
    // The age of the old response is that of the validation now.
    out.headers.erase("Age");
    for (const header& field : fresh)
        if (!kept(field.name))
            out.headers.erase(field.name);
    for (const header& field : fresh)
        if (!kept(field.name))
            out.headers.add(field.name, field.value);
    if (fresh.contains("Vary"))
        out.selecting = selecting_fields(out.headers, what.headers);
    out.requested = requested;
    out.received = received;
    return out;
}

/// The request that asks whether a stored response is still right (RFC 9111 §4.3.1). The client's own conditions are
/// left out: they are decided afterwards, against the response that is right then.
[[nodiscard]] inline request conditional(const request& what, const stored_response& stored) {
    request out = what;
    out.headers.erase("If-None-Match");
    out.headers.erase("If-Modified-Since");
    if (const auto tag = stored.headers.first("ETag"))
        out.headers.set("If-None-Match", *tag);
    if (const auto modified = stored.headers.first("Last-Modified"))
        out.headers.set("If-Modified-Since", *modified);
    return out;
}

/// Whether a validation can have a result: without a validator the whole response is asked for.
[[nodiscard]] inline bool has_validator(const stored_response& stored) {
    return stored.headers.contains("ETag") || stored.headers.contains("Last-Modified");
}

}  // namespace weir::http
