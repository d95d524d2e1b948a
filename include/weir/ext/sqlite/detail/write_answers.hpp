// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/kept_answers.hpp"
#include "weir/ext/sqlite/detail/key_log.hpp"
#include "weir/ext/sqlite/detail/moment.hpp"
#include "weir/ext/sqlite/detail/row_life.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <algorithm>

namespace weir::sqlite::detail {

/// Writes the answers of a key that wait, each at its own time. `ahead` is how far the file's time is ahead of theirs.
template <class Blocks>
void write_answers(key_view<Blocks>& key, kept_answers& waiting, moment& m, duration ahead) {
    auto& answers = waiting.take();
    if (answers.empty())
        return;
    const auto plan = waiting.plan();
    for (kept_answer& a : answers) {
        const instant t = std::max(a.at + ahead + key.row.shift, key.row.newest);
        key.expire(t, *plan);
        // Without a ceiling the answer ends the entry.
        a.written_as = key.settle(*plan, a.id, a.cost, settlement::answered, t, {});
    }
    m.t = std::max(m.t, key.row.newest);
    key.refresh();
    touch(key.row, *plan, m.t);
}

}  // namespace weir::sqlite::detail
