// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// One limit that a response states, with the name and the field it has there.
struct quota {
    /// The policy's name; "" in the forms that have no names.
    std::string name{};
    /// Its numbers, exactly as the server sent them. A number that the response does not state is absent. `window` is
    /// at most `rate::longest`, `reset` at most `longest_retry_after`.
    reported_limit reported{};
    /// What the server divides its capacity by, such as a user; any bytes.
    std::optional<std::string> partition{};
    /// What the limit is about, such as "search"; "" = the fields do not say.
    std::string resource{};
    /// The first field that states it. **Lifetime.** Static.
    std::string_view from{};

    friend bool operator==(const quota&, const quota&) = default;
};

/// The names of a limit as one text: equal texts mean the same limit. Of a partition, which may identify a user, it has
/// only a hash. It is empty if the limit has no names.
[[nodiscard]] inline std::string names_of(const quota& q) {
    std::string out = q.name;
    if (!q.resource.empty())
        out.append(out.empty() ? "" : " ").append(q.resource);
    if (q.partition) {
        std::uint32_t hash = 2'166'136'261U;  // FNV-1a
        for (const char c : *q.partition)
            hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
        out.append(fmt::format("{}pk {:08x}", out.empty() ? "" : " ", hash));
    }
    return out;
}

/// Every limit that the fields of one response state.
struct quota_reading {
    std::vector<quota> quotas{};
    /// One sentence for each field, or policy of a field, that is present and not used. It says which and why.
    std::vector<std::string> dropped{};
};

/// What a number in a field that states a time means. Services differ, and the response does not say.
enum class reset_unit : std::uint8_t {
    guessed,        ///< above 10^12: milliseconds since 1970; above 10^9: seconds since 1970; else seconds from now
    seconds,        ///< seconds from now
    milliseconds,   ///< milliseconds from now
    epoch_seconds,  ///< seconds since 1970
    epoch_milliseconds,  ///< milliseconds since 1970
};

}  // namespace weir::http
