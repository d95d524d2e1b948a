// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/slot_state.hpp"
#include "weir/ext/postgres/detail/sql_texts.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace weir::postgres::detail {

/// The highest bit of an entry's id: the units have no entry, and the other bits are their stamp on the server.
inline constexpr std::uint64_t stamp_mark = std::uint64_t{1} << 63;

/// The arguments of the function `settle` that depend on the entry.
struct posted_settlement {
    std::int64_t entry;
    settle_verb how;
    std::int64_t argument;
};

/// What to send when `e` is settled; nothing if a later settlement of the key carries it.
[[nodiscard]] inline std::optional<posted_settlement> settlement_to_post(slot_state& key, const window_plan& plan,
                                                                         const entry& e, settlement how) {
    const auto id = static_cast<std::int64_t>(e.id & ~stamp_mark);
    const bool is_bare = (e.id & stamp_mark) != 0;
    const bool is_stamped = e.state == entry_state::stamped;
    if (how == settlement::abandoned && !is_stamped)
        return posted_settlement{id, settle_verb::abandoned, std::max(e.grace, duration::zero()).count()};
    if (how == settlement::abandoned)
        how = settlement::released;
    const bool can_wait = how == settlement::released && is_stamped && plan.max_concurrent == 0;
    if (can_wait && key.leave_ended(id))
        return std::nullopt;
    return posted_settlement{id, is_bare ? settle_verb::refund_stamp : static_cast<settle_verb>(how), e.cost};
}

}  // namespace weir::postgres::detail
