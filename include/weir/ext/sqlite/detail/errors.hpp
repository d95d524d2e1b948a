// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>
#include <string_view>

namespace weir::sqlite::detail {

/// What the user can do about an SQLite result code.
[[nodiscard]] inline std::string_view advice(int code) noexcept {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another process held the file for longer than busy_timeout; look for one that is stopped in the "
               "middle, "
               "or raise busy_timeout_ms";
    case SQLITE_FULL:
        return "free some space on its disk";
    case SQLITE_IOERR:
        return "look for a full disk, a quota, a file size limit or a broken disk";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "let this user write the file and its folder, where the files -wal and -shm are made beside it";
    case SQLITE_CANTOPEN:
        return "make its folder, and let this user write in it";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "move the file away, and a new one is made";
    default:
        return "see the message of SQLite";
    }
}

/// The error of the action `doing` on the file at `path`.
[[nodiscard]] inline store_error failed(std::string_view doing, std::string_view path, std::string_view why,
                                        std::string_view what_to_do) {
    return store_error{
        fmt::format("sqlite: {} in {} failed: {}; {}", doing, weir::detail::in_quotes(path), why, what_to_do)};
}

/// Whether a connection cannot be used after `code`.
[[nodiscard]] inline bool breaks_connection(int code) noexcept {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_CONSTRAINT:
    case SQLITE_NOMEM:
        return false;
    default:
        return true;
    }
}

}  // namespace weir::sqlite::detail
