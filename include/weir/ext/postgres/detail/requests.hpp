// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/session.hpp"
#include "weir/ext/postgres/detail/sql_texts.hpp"
#include "weir/ext/postgres/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/window_record.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

// The parameters of the verbs that decide.

namespace weir::postgres::detail {

/// How many stamps to keep: as many as any window reaches back, plus as many as a request of `cost` may take back.
[[nodiscard]] inline std::int64_t kept(const window_plan& plan, std::int64_t cost) noexcept {
    constexpr std::int64_t max_kept = 1'048'576;
    std::int64_t max = 64;
    for (const window& w : plan.windows)
        max = std::max(max, w.limit);
    return std::min(max + cost, max_kept);
}

/// Adds the parameters of `admit`, `stamp` and `open` after the time.
inline void put_request(parameter_list& values, verb which, const window_plan& plan, std::int64_t cost, admit_mode how,
                        std::int64_t id, duration entry_ttl) {
    values.number(remote::name_of(plan));
    if (which != verb::stamp)
        values.number(cost);
    if (which == verb::admit)
        values.number(static_cast<std::int64_t>(how) +
                      (plan.enforce ? 0 : static_cast<std::int64_t>(admit_mode::forced)));
    if (which != verb::stamp) {
        values.number(id);
        values.number(std::min<duration>(entry_ttl, std::chrono::hours{24 * 366}).count());
    }
    values.numbers(3 + 2 * plan.windows.size());
    for (const std::int64_t rule : {plan.max_concurrent, kept(plan, cost), plan.kept.longest.count()})
        values.element(rule);
    for (const window& w : plan.windows) {
        values.element(w.limit);
        values.element(w.period.count());
    }
}

}  // namespace weir::postgres::detail
