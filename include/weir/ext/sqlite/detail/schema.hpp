// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/connection.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::sqlite::detail {

/// Distinguishes our files from those of other programs: "weir".
inline constexpr std::int64_t application_id = 0x77656972;

/// The processes that use the file (`holder_table`). A sign of life makes the table if it is missing, because programs
/// of the version before can use a file with it, and no version changes for it.
inline constexpr const char* holders_table =
    "CREATE TABLE IF NOT EXISTS holders (id INTEGER PRIMARY KEY, machine INTEGER NOT NULL, pid INTEGER NOT NULL,"
    " start INTEGER NOT NULL, host TEXT NOT NULL, made INTEGER NOT NULL, renewed INTEGER NOT NULL,"
    " ttl INTEGER NOT NULL, keep INTEGER NOT NULL);";

/// Step i changes a file of version i to version i + 1. A released step never changes: add another.
///
/// `keys` has a key's state in one blob of constant size, so that an update writes only the page that changed. Its name
/// is the last column, so that a long name does no harm. `blocks` has the older stamps, 64 a row.
///
/// `tuner` is the tuner's state of a key: ten 64-bit words and perhaps its notes, or nothing (`remote::tuner_record`).
///
/// `windows` is for operators: the windows of the last plan as numbers with spaces between (`remote::window_record`).
inline constexpr std::array<const char*, 3> migrations{
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('epoch', random());"
    "CREATE TABLE clock (boot TEXT PRIMARY KEY, ahead INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE keys (id INTEGER PRIMARY KEY AUTOINCREMENT, forget_at INTEGER NOT NULL, state BLOB NOT NULL,"
    " name BLOB NOT NULL UNIQUE);"
    "CREATE TABLE blocks (key INTEGER NOT NULL, no INTEGER NOT NULL, stamps BLOB NOT NULL, PRIMARY KEY (key, no))"
    " WITHOUT ROWID;"
    "CREATE TABLE retired (key INTEGER PRIMARY KEY);",
    "ALTER TABLE keys ADD COLUMN tuner BLOB;",
    "ALTER TABLE keys ADD COLUMN windows TEXT;",
};

/// From the newest version to the one before it. What only the newest keeps is removed; no history is in it. A new step
/// of `migrations` needs a new one here.
inline constexpr const char* step_back = "ALTER TABLE keys DROP COLUMN windows;";

/// Checks whether the file may be used. The file is not changed.
inline void check_owner(connection& db) {
    // One statement reads one state: another process may be creating the tables now.
    std::int64_t version = 0, owner = 0, tables = 0;
    statement{db, "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM "
                  "pragma_application_id), (SELECT count(*) FROM sqlite_master)"}
        .first([&](const statement& row) {
            version = row.integer(0);
            owner = row.integer(1);
            tables = row.integer(2);
        });
    if (owner != application_id && (owner != 0 || version != 0 || tables != 0))
        db.fail("it is the database of another program", "name a file of its own for the limits");
}

/// Refuses a file of an older format.
inline void require_newest(connection& db) {
    if (const auto found = ask(db, "PRAGMA user_version"); found < static_cast<std::int64_t>(migrations.size()))
        db.fail(fmt::format("its format is version {}, and this program's is {}", found, migrations.size()),
                "update it with `weir migrate`, or by a program without migrate=off");
}

/// Updates the file to the newest version, in one transaction. If several processes try at once, one does it.
inline void migrate(connection& db, std::span<const char* const> steps = migrations) {
    const auto newest = static_cast<std::int64_t>(steps.size());
    const auto version = [&db] { return ask(db, "PRAGMA user_version"); };
    const auto check = [&](std::int64_t found) {
        if (found > newest)
            db.fail(fmt::format("its format is version {}, and this program knows up to {}", found, newest),
                    "use the newer version of weir in all programs that share the file");
        return found == newest;
    };
    if (check(version()))
        return;
    db.execute("BEGIN IMMEDIATE");
    try {
        const std::int64_t found = version();
        if (!check(found)) {
            for (auto i = static_cast<std::size_t>(found); i < steps.size(); ++i)
                db.execute(steps[i]);
            db.execute(
                fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", application_id, newest).c_str());
        }
        db.execute("COMMIT");
    } catch (...) {
        db.roll_back();
        throw;
    }
}

/// Sets the file to WAL mode. There a commit does not wait for the disk, and readers do not stop writers.
inline void use_wal(connection& db) {
    // Changing the mode does not call the busy handler, because that could wait for ever.
    for (int tries = 0;; ++tries) {
        sqlite3_stmt* raw = nullptr;
        int code = sqlite3_prepare_v2(db.get(), "PRAGMA journal_mode = WAL", -1, &raw, nullptr);
        std::string mode;
        if (code == SQLITE_OK && (code = sqlite3_step(raw)) == SQLITE_ROW)
            mode = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
        sqlite3_finalize(raw);
        if (mode == "wal")
            return;
        if (code == SQLITE_ROW)
            db.fail(fmt::format("it stays in journal mode {}", mode),
                    "name a file on a local disk: the write-ahead log needs memory that processes share");
        if ((code & 0xff) != SQLITE_BUSY || !db.waiting().wait(tries))
            db.fail(code);
    }
}

}  // namespace weir::sqlite::detail
