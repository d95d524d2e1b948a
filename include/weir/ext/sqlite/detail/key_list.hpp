// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/file.hpp"
#include "weir/ext/sqlite/detail/key_row.hpp"
#include "weir/ext/sqlite/detail/slot_state.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/window_record.hpp"
#include "weir/storage/stored_key.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sqlite::detail {

/// All keys of the file at its time `now`. A row that cannot be read is left out; the verbs report it.
[[nodiscard]] inline std::vector<stored_key> list_keys(file& in, instant now) {
    std::vector<stored_key> out;
    key_row row;
    in.each_key(now, [&](std::string_view name, std::string_view state, std::string_view windows) {
        const auto names = names_of(name);
        if (!names || !row.decode(state))
            return;
        stored_key& key = out.emplace_back();
        key.host = names->first;
        key.role = names->second;
        remote::read_windows(remote::numbers_of(windows), key);
        const instant here = std::max(now + row.shift, row.newest);
        for (const held_entry& e : row.entries)
            if (e.open && e.id != 0 && e.expires > here)
                key.oldest_open = std::max(key.oldest_open.value_or(duration::zero()), here - e.stamp);
    });
    return out;
}

}  // namespace weir::sqlite::detail
