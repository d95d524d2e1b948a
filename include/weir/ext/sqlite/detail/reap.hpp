// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/key_row.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/reaping.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::sqlite::detail {

/// Ends the entries of dead holders at `t`, the key's time. Their open units are stamped with the last moment at which
/// the holder may have lived. `View` is a `key_view`.
template <class View>
[[nodiscard]] remote::reap_reply reap(View& key, const window_plan& plan, std::span<const remote::dead_holder> dead,
                                      instant t) {
    key_row& row = key.row;
    key.expire(t, plan);
    remote::reap_reply out;
    for (held_entry& e : row.entries) {
        const std::uint64_t holder = remote::entry_ids::holder_of(e.id);
        if (holder == 0)
            continue;
        const auto d = std::ranges::find(dead, holder, [](const remote::dead_holder& one) { return one.who.id; });
        auto& all = d == dead.end() ? out.left : out.freed;
        auto sum = std::ranges::find(all, holder, &remote::held_entries::holder);
        if (sum == all.end())
            sum = all.insert(all.end(), {holder, 0, 0});
        ++sum->entries;
        sum->open += e.open ? e.cost : 0;
        if (d == dead.end())
            continue;
        e.expires = std::min({e.expires, instant{std::chrono::microseconds{d->at}} + row.shift, t});
        row.next_expiry = std::min(row.next_expiry, e.expires);
    }
    key.expire(t, plan);
    return out;
}

}  // namespace weir::sqlite::detail
