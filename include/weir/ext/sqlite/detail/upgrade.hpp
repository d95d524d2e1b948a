// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/connection.hpp"
#include "weir/ext/sqlite/detail/schema.hpp"
#include "weir/ext/sqlite/options.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::sqlite::detail {

/// A change of a file from one version of its format to another, as text that an administrator can read and run.
struct upgrade {
    std::int64_t from = 0;  ///< 0 = an empty file
    std::int64_t to = 0;
    std::string sql{};  ///< one transaction; empty if there is nothing to do
};

/// Reads and changes the format of an existing file, while programs may use it.
///
/// **Errors.** `store_error`.
class upgrader {
public:
    explicit upgrader(const sqlite_options& options) : db_(options.path, begun(waiting_, options), false) {
        db_.doing("changing the format");
        check_owner(db_);
    }

    /// What leads from the present version to `to`. That is the newest version or the one before; a file that is
    /// further away from the one before must first be updated.
    [[nodiscard]] upgrade plan(std::int64_t to) {
        constexpr auto newest = static_cast<std::int64_t>(migrations.size());
        upgrade out{.from = ask(db_, "PRAGMA user_version"), .to = to};
        if (out.from > newest)
            db_.fail(fmt::format("its format is version {}, and this program knows up to {}", out.from, newest),
                     "use the newer program");
        std::string steps;
        if (to == newest && out.from < to)
            for (auto i = static_cast<std::size_t>(out.from); i < migrations.size(); ++i)
                steps.append(migrations[i]).append("\n");
        else if (to == newest - 1 && out.from == newest)
            steps.append(step_back).append("\n");
        else if (to != out.from)
            db_.fail(fmt::format("its format is version {}", out.from),
                     fmt::format("this program leads to version {}, and from there back to {}", newest, newest - 1));
        if (!steps.empty())
            out.sql =
                fmt::format("BEGIN IMMEDIATE;\n{}PRAGMA application_id = {};\nPRAGMA user_version = {};\nCOMMIT;\n",
                            steps, application_id, to);
        return out;
    }
    /// If another process has changed the format since `plan`, the text fails, and nothing has changed.
    void carry_out(const upgrade& u) {
        if (u.sql.empty())
            return;
        try {
            if (u.to == static_cast<std::int64_t>(migrations.size()))
                migrate(db_);
            else
                db_.execute(u.sql.c_str());
        } catch (...) {
            db_.roll_back();
            throw;
        }
    }

private:
    [[nodiscard]] static patience& begun(patience& waiting, const sqlite_options& options) {
        waiting.begin(std::chrono::steady_clock::now() + options.busy_timeout);
        return waiting;
    }

    patience waiting_;
    connection db_;
};

}  // namespace weir::sqlite::detail
