// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/connection.hpp"
#include "weir/ext/sqlite/detail/schema.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::sqlite::detail {

/// All holders, and the file's time in microseconds.
struct presence_list {
    std::int64_t now = 0;
    std::vector<remote::holder_record> holders;
};

/// The table `holders`: the processes that use the file, one row each. Times are microseconds of the file's time.
///
/// **Preconditions.** A transaction is open. **Thread safety.** None: the store's mutex.
class holder_table {
public:
    explicit holder_table(connection& db) : db_(db) {}

    /// Gives a sign of life at `now`, and forgets the holders that ended long ago. Returns how many live.
    std::int64_t renew(const remote::own_presence& who, instant now) {
        const std::int64_t t = microseconds(now.time_since_epoch());
        db_.execute(holders_table);
        const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
        statement{db_, "INSERT INTO holders VALUES (?1, ?2, ?3, ?4, CAST(?5 AS TEXT), ?6, ?6, ?7, ?8)"
                       " ON CONFLICT (id) DO UPDATE SET renewed = ?6, made = min(made, ?6)"}
            .bind(1, number(who.id))
            .bind(2, number(who.identity.machine))
            .bind(3, who.identity.pid)
            .bind(4, who.identity.start)
            .bind(5, who.identity.host)
            .bind(6, t)
            .bind(7, microseconds(who.ttl))
            .bind(8, microseconds(who.keep))
            .run();
        statement{db_, "DELETE FROM holders WHERE renewed + keep < ?1"}.bind(1, t).run();
        std::int64_t alive = 0;
        statement{db_, "SELECT count(*) FROM holders WHERE renewed + ttl > ?1"}.bind(1, t).first(
            [&](const statement& row) { alive = row.integer(0); });
        return alive;
    }

    [[nodiscard]] presence_list list(instant now) {
        db_.execute(holders_table);
        presence_list all{microseconds(now.time_since_epoch()), {}};
        std::vector<remote::holder_record>& out = all.holders;
        statement{db_, "SELECT id, machine, pid, start, made, renewed, ttl, CAST(host AS BLOB) FROM holders"
                       " ORDER BY renewed DESC"}
            .each([&](const statement& row) {
                out.push_back({static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)),
                               row.integer(2), row.integer(3), row.integer(4), row.integer(5), row.integer(6),
                               std::string{row.bytes(7)}});
            });
        return all;
    }

    [[nodiscard]] static std::int64_t microseconds(duration span) noexcept {
        return std::chrono::floor<std::chrono::microseconds>(span).count();
    }

private:
    connection& db_;
};

}  // namespace weir::sqlite::detail
