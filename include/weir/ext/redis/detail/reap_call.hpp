// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/wire.hpp"

#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/reaping.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::redis::detail {

/// The arguments of the script `reap`.
[[nodiscard]] inline std::vector<double> reap_arguments(double time, std::span<const remote::dead_holder> dead) {
    std::vector<double> out{time};
    for (const remote::dead_holder& d : dead) {
        out.push_back(static_cast<double>(d.who.id));
        out.push_back(static_cast<double>(d.at));
    }
    return out;
}
/// What it returns; nothing if the bytes are not its.
[[nodiscard]] inline std::optional<remote::reap_reply> reap_reply_of(std::string_view bytes) {
    if (bytes.size() < 8 || (bytes.size() - 8) % 24 != 0)
        return std::nullopt;
    const std::size_t all = (bytes.size() - 8) / 24;
    const double freed = double_at(bytes, 0);
    if (!(freed >= 0 && freed <= static_cast<double>(all)))
        return std::nullopt;
    return remote::reap_reply_of(static_cast<std::size_t>(freed), all,
                                 [&](std::size_t i) { return double_at(bytes, 1 + i); });
}

}  // namespace weir::redis::detail
