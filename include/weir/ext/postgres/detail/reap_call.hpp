// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/requests.hpp"
#include "weir/ext/postgres/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/reaping.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::postgres::detail {

/// Adds the parameters of the function `reap` after the key.
inline void put_reap(parameter_list& values, const window_plan& plan, std::span<const remote::dead_holder> dead) {
    values.numbers(dead.size());
    for (const remote::dead_holder& d : dead)
        values.element(static_cast<std::int64_t>(d.who.id));
    values.numbers(dead.size());
    for (const remote::dead_holder& d : dead)
        values.element(d.at * 1000);
    values.number(kept(plan, 0));
    values.number(plan.kept.longest.count());
}
/// What it returns; nothing if the numbers are not its.
[[nodiscard]] inline std::optional<remote::reap_reply> reap_reply_of(const std::vector<std::int64_t>& said) {
    if (said.size() < 3 || (said.size() - 3) % 3 != 0)
        return std::nullopt;
    const std::size_t all = (said.size() - 3) / 3;
    if (said[2] < 0 || static_cast<std::size_t>(said[2]) > all)
        return std::nullopt;
    return remote::reap_reply_of(static_cast<std::size_t>(said[2]), all, [&](std::size_t i) { return said[3 + i]; });
}

}  // namespace weir::postgres::detail
