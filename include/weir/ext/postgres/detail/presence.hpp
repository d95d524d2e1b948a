// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/wire.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::postgres::detail {

/// Adds the parameters of the function `renew`.
inline void put_presence(parameter_list& values, const remote::own_presence& of) {
    const auto limited = [](duration span) { return std::min<duration>(span, std::chrono::hours{24 * 366}).count(); };
    values.number(static_cast<std::int64_t>(of.id));
    values.number(static_cast<std::int64_t>(of.identity.machine));
    values.number(of.identity.pid);
    values.number(of.identity.start);
    values.number(limited(of.ttl));
    values.number(limited(of.keep));
    values.bytes(of.identity.host);
}

/// What the function `holders` returns.
struct presence_reply {
    std::int64_t now = 0;  ///< by the server's clock, in microseconds
    std::vector<remote::holder_record> holders;
};
[[nodiscard]] inline std::optional<presence_reply> presence_reply_of(const std::vector<std::int64_t>& said) {
    constexpr std::size_t fixed = 8;
    if (said.empty())
        return std::nullopt;
    presence_reply out{said[0] / 1000, {}};
    for (std::size_t at = 1; at < said.size();) {
        if (at + fixed > said.size() || said[at + 7] < 0 ||
            static_cast<std::size_t>(said[at + 7]) > said.size() - at - fixed)
            return std::nullopt;
        remote::holder_record h{static_cast<std::uint64_t>(said[at]),
                                static_cast<std::uint64_t>(said[at + 1]),
                                said[at + 2],
                                said[at + 3],
                                said[at + 4] / 1000,
                                said[at + 5] / 1000,
                                said[at + 6] / 1000,
                                {}};
        const auto size = static_cast<std::size_t>(said[at + 7]);
        for (std::size_t i = 0; i < size; ++i)
            h.host += static_cast<char>(said[at + fixed + i]);
        out.holders.push_back(std::move(h));
        at += fixed + size;
    }
    return out;
}

}  // namespace weir::postgres::detail
