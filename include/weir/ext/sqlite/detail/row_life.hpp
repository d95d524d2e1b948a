// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/key_row.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <algorithm>
#include <chrono>

// Until when a key's row is kept.

namespace weir::sqlite::detail {

/// How long a factor that the tuner did not set is kept.
inline constexpr duration factor_kept = std::chrono::hours{24};

inline void keep_until(key_row& row, instant at) {
    row.forget_at = std::max(row.forget_at, (at - row.shift).time_since_epoch().count());
    row.changed = true;
}
/// Keeps the row while the tuner's state matters. That state says until when; a factor set by hand does not.
inline void keep_while_tuned(key_row& row, instant t) {
    if (!row.tuner.empty())
        keep_until(row, instant{duration{row.tuner[remote::recovered_index]}});
    else if (row.millionths != multiplier::one)
        keep_until(row, saturating_add(t, factor_kept));
}
/// If the row has changed, stores how long it affects decisions under `plan`.
inline void touch(key_row& row, const window_plan& plan, instant t) {
    if (!row.changed)
        return;
    row.forget_at = 0;
    keep_until(row, saturating_add(row.newest, plan.kept.longest));
    keep_until(row, row.gate);
    if (!row.entries.empty())
        keep_until(row, saturating_add(row.last_expiry, plan.kept.longest));
    keep_while_tuned(row, t);
}

/// Forgets history, gate and factor, and with `open_entries::too` the entries. `In` forgets blocks and rows.
template <class In>
void forget_history(key_row& row, In& in, open_entries what) {
    if (row.id == 0)
        return;
    // The blocks are removed with the row, a few at a time. Entries get a new row.
    if (row.end_block > row.first_block) {
        in.forget(row.id);
        row.id = 0;
    }
    row.newest = row.gate = row.dropped = long_ago;
    row.millionths = multiplier::one;
    row.tuner_changed = !row.tuner.empty();
    row.tuner.clear();
    row.recent.clear();
    row.first_block = row.end_block = 0;
    if (what == open_entries::too) {
        row.entries.clear();
        row.open = 0;
        row.next_expiry = far_future;
    }
    if (row.entries.empty())
        row.forget_at = 0;
    row.changed = true;
}

}  // namespace weir::sqlite::detail
