// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/connection.hpp"

#include "weir/storage/store_error.hpp"

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace weir::sqlite::detail {

/// Moves the write-ahead log into the database, on a connection of its own. SQLite would do it within the commit that
/// makes the log too long, and that caller would wait for the disk. This does it between requests; other threads and
/// processes go on writing.
///
/// **Thread safety.** All members may be called from any thread.
class checkpointer {
public:
    /// Pages in the log from which it is moved between requests, and from which a verb does it at once.
    static constexpr int wanted_from = 1'000;
    static constexpr int needed_from = 8'000;

    /// The log has `pages` after a commit.
    void committed(int pages) noexcept {
        // It began anew, or it could not be moved as a whole: others were reading.
        if (pages < pages_.exchange(pages, std::memory_order_relaxed))
            next_.store(wanted_from, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_wanted() const noexcept {
        return pages_.load(std::memory_order_relaxed) >= next_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_needed() const noexcept {
        return is_wanted() && pages_.load(std::memory_order_relaxed) >= needed_from;
    }
    /// Moves the log of the file at `path`, which is of the store's opening number `opening`, if no thread does it now.
    /// If it fails, a later call does it.
    void run(const std::string& path, std::uint64_t opening, bool waits_for_disk) noexcept {
        const std::unique_lock only{mutex_, std::try_to_lock};
        if (!only)
            return;
        next_.store(pages_.load(std::memory_order_relaxed) + wanted_from / 2, std::memory_order_relaxed);
        try {
            if (!db_ || opening_ != opening) {
                db_.reset();
                patience_.begin(std::chrono::steady_clock::now());
                db_ = std::make_unique<connection>(path, patience_);
                opening_ = opening;
                // A connection that has read nothing does not know that there is a log.
                db_->execute("SELECT count(*) FROM sqlite_master");
                if (!waits_for_disk)
                    db_->execute("PRAGMA synchronous = OFF");
            }
            sqlite3_wal_checkpoint_v2(db_->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        } catch (const store_error&) {
            db_.reset();
        }
    }
    void close() noexcept {
        const std::lock_guard only{mutex_};
        db_.reset();
    }
    /// Forgets the connection without closing it, in a child of `fork()`.
    void leak() noexcept { static_cast<void>(db_.release()); }

private:
    std::mutex mutex_;
    patience patience_;
    std::unique_ptr<connection> db_;
    std::uint64_t opening_ = 0;
    std::atomic<int> pages_ = 0;
    std::atomic<int> next_ = wanted_from;
};

}  // namespace weir::sqlite::detail
