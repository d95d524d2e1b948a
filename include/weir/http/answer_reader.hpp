// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"

#include "weir/core/time.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// A response, as far as a reader of its limits needs it. **Lifetime.** The call's.
struct answer_view {
    int status;
    const headers& fields;
    std::string_view body;  ///< its first bytes, `max_answer_body` at most, before any content coding is undone
};

/// How many bytes of a body a reader gets.
inline constexpr std::size_t max_answer_body = 4096;

/// What a service says about limits in its own way: in a body, or in fields that no standard has.
struct answer_reading {
    /// Whether the request was refused because of a limit or of overload, whatever the status is.
    bool refused = false;
    /// How long to send nothing; absent = it does not say.
    std::optional<duration> retry_after{};
    std::vector<quota> quotas{};
    /// One sentence for each statement that cannot be read, and why.
    std::vector<std::string> dropped{};

    friend bool operator==(const answer_reading&, const answer_reading&) = default;
};

/// Reads what a service says in its own way, for `limited`. It is called once for each response, on the thread that
/// receives it.
template <class R>
concept answer_reader = requires(R& reader, const answer_view& answer) {
    { reader(answer) } -> std::convertible_to<answer_reading>;
};

/// Reads nothing: the status and the known fields say everything. The permit then needs no bytes of the body.
struct no_answer_reader {
    [[nodiscard]] answer_reading operator()(const answer_view&) const { return {}; }
};

namespace detail {

/// The JSON value after `"name":` in `body`, without its quotes; "" if there is none. It looks at the text alone: a
/// name inside a string is found too, which no error body has.
[[nodiscard]] inline std::string_view json_value(std::string_view body, std::string_view name) noexcept {
    for (std::size_t at = body.find(name); at != std::string_view::npos; at = body.find(name, at + 1)) {
        std::size_t end = at + name.size();
        if (at == 0 || body[at - 1] != '"' || end >= body.size() || body[end] != '"')
            continue;
        end = body.find_first_not_of(" \t\r\n", end + 1);
        if (end == std::string_view::npos || body[end] != ':')
            continue;
        end = body.find_first_not_of(" \t\r\n", end + 1);
        if (end == std::string_view::npos)
            return {};
        const bool is_text = body[end] == '"';
        const std::string_view value = body.substr(end + (is_text ? 1 : 0));
        return value.substr(0, value.find_first_of(is_text ? "\"" : ",}] \t\r\n"));
    }
    return {};
}

}  // namespace detail
}  // namespace weir::http
