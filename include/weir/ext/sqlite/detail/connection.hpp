// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/errors.hpp"

#include "weir/core/time.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace weir::sqlite::detail {

/// How long a verb may still wait for other users of the file. It also does the waiting.
///
/// SQLite's own busy handler sleeps up to 100 ms at a time, and then the last to come often goes first. A verb holds
/// the file for about 15 µs. So this first yields the processor a few times, then sleeps for short random times. The
/// sleeps do not get longer.
class patience {
public:
    void begin(std::chrono::steady_clock::time_point until) noexcept { until_ = until; }
    [[nodiscard]] std::chrono::steady_clock::time_point until() const noexcept { return until_; }

    /// Waits a little before try number `tries`, from 0; false if the time is over.
    [[nodiscard]] bool wait(int tries) {
        const auto left = until_ - std::chrono::steady_clock::now();
        if (left <= left.zero())
            return false;
        if (tries < 8) {
            std::this_thread::yield();
            return true;
        }
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;
        const std::chrono::microseconds pause{20 + static_cast<std::int64_t>((random_ >> 33) % 180)};
        std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(pause, left));
        return true;
    }

private:
    std::chrono::steady_clock::time_point until_{};
    std::uint64_t random_ = reinterpret_cast<std::uintptr_t>(this);
};

/// Whether this process may open files. SQLite keeps the state of a file's locks in memory. In a child after `fork()`,
/// that state shows locks of the parent that the child does not hold.
///
/// **Thread safety.** All members.
class open_files {
public:
    /// Records one more open file; false in the child of a process that had one open.
    [[nodiscard]] static bool enter() noexcept {
        const auto me = static_cast<std::uint64_t>(::getpid());
        std::uint64_t seen = owner_and_count.load();
        for (;;) {
            const bool mine = seen >> 32 == me;
            const std::uint64_t count = seen & 0xffffffff;
            if (!mine && count > 0)
                return false;
            if (owner_and_count.compare_exchange_weak(seen, me << 32 | (count + 1)))
                return true;
        }
    }
    static void leave() noexcept { owner_and_count.fetch_sub(1); }

private:
    static inline std::atomic<std::uint64_t> owner_and_count{0};
};

/// One connection to a database file. Every failure is a `store_error` with the action that failed.
///
/// **Thread safety.** None: the store's mutex.
class connection {
public:
    /// Opens the file. If it is missing, it is made if `makes`, and otherwise that is an error.
    connection(std::string path, patience& waiting, bool makes = true) : path_(std::move(path)), waiting_(waiting) {
        if (sqlite3_threadsafe() == 0)
            fail("this SQLite was built for programs of one thread", "link one that was built with SQLITE_THREADSAFE");
        if (!entered_.done)
            fail("this process is a fork of one that has an SQLite store open", "fork before a store is first used");
        sqlite3* raw = nullptr;
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (makes ? SQLITE_OPEN_CREATE : 0);
        const int code = sqlite3_open_v2(path_.c_str(), &raw, flags, nullptr);
        db_.reset(raw);
        if (code == SQLITE_CANTOPEN && !makes && ::access(path_.c_str(), F_OK) != 0)
            fail("there is no such file", "name the file that the programs use");
        if (code != SQLITE_OK)
            fail(code);
        sqlite3_extended_result_codes(raw, 1);
        sqlite3_busy_handler(
            raw, [](void* self, int tries) { return static_cast<int>(static_cast<patience*>(self)->wait(tries)); },
            &waiting_);
    }

    [[nodiscard]] sqlite3* get() const noexcept { return db_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] patience& waiting() const noexcept { return waiting_; }

    /// Sets the present action, for messages.
    void doing(std::string_view what) noexcept { doing_ = what; }
    /// Whether a failure has made this connection useless.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

    [[noreturn]] void fail(int code) {
        broken_ = broken_ || breaks_connection(code);
        const char* why = db_ ? sqlite3_errmsg(db_.get()) : sqlite3_errstr(code);
        throw failed(doing_, path_, fmt::format("{} (code {})", why, code), advice(code));
    }
    [[noreturn]] void fail(std::string_view why, std::string_view what_to_do) {
        broken_ = true;
        throw failed(doing_, path_, why, what_to_do);
    }
    void execute(const char* sql) {
        if (const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr); code != SQLITE_OK)
            fail(code);
    }
    void roll_back() noexcept {
        if (sqlite3_get_autocommit(db_.get()) == 0)
            sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }

private:
    struct closer {
        void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
    };
    struct entrance {
        entrance() = default;
        entrance(const entrance&) = delete;
        entrance& operator=(const entrance&) = delete;
        ~entrance() {
            if (done)
                open_files::leave();
        }
        const bool done = open_files::enter();
    };
    entrance entered_;
    std::string path_;
    patience& waiting_;
    std::string_view doing_ = "opening";
    std::unique_ptr<sqlite3, closer> db_;
    bool broken_ = false;
};

/// A prepared statement. Bound data must stay alive until it has run.
class statement {
public:
    statement(connection& db, const char* sql) : db_(&db) {
        sqlite3_stmt* raw = nullptr;
        const int code = sqlite3_prepare_v3(db.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
        statement_.reset(raw);
        if (code != SQLITE_OK)
            db.fail(code);
    }

    statement& bind(int at, std::int64_t value) noexcept {
        sqlite3_bind_int64(statement_.get(), at, value);
        return *this;
    }
    statement& bind(int at, std::string_view bytes) noexcept {
        sqlite3_bind_blob64(statement_.get(), at, bytes.data(), bytes.size(), SQLITE_STATIC);
        return *this;
    }

    /// Runs to the first row and calls `use(*this)` on it, if there is one. Returns whether there was one.
    template <class Use>
    bool first(Use&& use) {
        const resetting at_end{statement_.get()};
        if (!step())
            return false;
        use(*this);
        return true;
    }
    /// Calls `use(*this)` on each row.
    template <class Use>
    void each(Use&& use) {
        const resetting at_end{statement_.get()};
        while (step())
            use(*this);
    }
    void run() {
        each([](const statement&) {});
    }

    [[nodiscard]] std::int64_t integer(int column) const noexcept {
        return sqlite3_column_int64(statement_.get(), column);
    }
    /// **Lifetime.** Until `use` returns.
    [[nodiscard]] std::string_view bytes(int column) const noexcept {
        const void* const data = sqlite3_column_blob(statement_.get(), column);
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
        return data == nullptr ? std::string_view{} : std::string_view{static_cast<const char*>(data), size};
    }

private:
    struct resetting {
        sqlite3_stmt* statement;
        ~resetting() { sqlite3_reset(statement); }
    };
    struct finalizer {
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    [[nodiscard]] bool step() {
        const int code = sqlite3_step(statement_.get());
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            db_->fail(code);
        return code == SQLITE_ROW;
    }

    connection* db_;
    std::unique_ptr<sqlite3_stmt, finalizer> statement_;
};

/// The result of a one-line query, or `otherwise`.
[[nodiscard]] inline std::int64_t ask(connection& db, const char* sql, std::int64_t otherwise = 0) {
    statement{db, sql}.first([&](const statement& row) { otherwise = row.integer(0); });
    return otherwise;
}

}  // namespace weir::sqlite::detail
