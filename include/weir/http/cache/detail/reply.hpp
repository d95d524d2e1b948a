// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_control.hpp"
#include "weir/http/cache/cache_policy.hpp"
#include "weir/http/cache/detail/validators.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::detail {

/// The range that a request asks for, as the text of the field `Range`; empty if it asks for all.
[[nodiscard]] inline std::string range_text(const request& what) {
    if (const auto text = what.headers.first("Range"))
        return std::string{*text};
    return what.resume_from ? fmt::format("bytes={}-", *what.resume_from) : std::string{};
}

/// Whether `If-Range` allows a part of the stored response: it names the stored version (RFC 9110 §13.1.5).
[[nodiscard]] inline bool range_holds(const request& what, const stored_response& stored) {
    const auto condition = what.headers.first("If-Range");
    if (!condition)
        return true;
    if (const auto tag = stored.headers.first("ETag"); tag && strongly_equal(*condition, *tag))
        return true;
    const auto modified = stored.headers.first("Last-Modified");
    return modified && *modified == *condition;
}

/// The fields of a stored response as they are sent now. `validated`: it was validated for this request.
[[nodiscard]] inline headers fields_now(const stored_response& stored, std::chrono::milliseconds age,
                                        std::string_view status_text, bool validated) {
    headers out = stored.headers;
    if (!validated)
        for (const std::string& name : parse_cache_control(stored.headers).no_cache_fields)
            out.erase(name);
    out.set("Age", fmt::format("{}", std::chrono::floor<std::chrono::seconds>(age).count()));
    out.add("Cache-Status", fmt::format("weir; {}", status_text));
    return out;
}

/// Answers a request with a stored response: 304 if the client has it already, 206 if it asks for a part.
inline void reply(const request& what, const stored_response& stored, std::chrono::milliseconds age,
                  std::string_view status_text, bool validated, receiver& to) {
    headers fields = fields_now(stored, age, status_text, validated);
    const auto all_at_once = [&](int status, std::string_view body) {
        to.head(status, fields);
        if (!is_head(what) && !body.empty())
            static_cast<void>(to.body(body));
    };
    if (stored.status == 200 && client_has(what.headers, stored)) {
        for (const std::string_view name : {"Content-Length", "Content-Encoding", "Content-Type", "Content-Range"})
            fields.erase(name);
        return all_at_once(304, {});
    }
    const std::string range = is_get(what) ? range_text(what) : std::string{};
    const std::uint64_t total = stored.range ? stored.range->total : stored.body.size();
    const bool may_cut = stored.range || (stored.status == 200 && range_holds(what, stored));
    const auto part = may_cut ? wanted_range(range, total) : std::optional<byte_range>{};
    if (!part)
        return all_at_once(stored.status, stored.body);
    const std::uint64_t offset = stored.range ? stored.range->first : 0;
    const std::string_view body =
        std::string_view{stored.body}.substr(part->first - offset, part->last - part->first + 1);
    fields.set("Content-Range", fmt::format("bytes {}-{}/{}", part->first, part->last, total));
    fields.set("Content-Length", fmt::format("{}", body.size()));
    all_at_once(206, body);
}

}  // namespace weir::http::detail
