// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/clock.hpp"
#include "weir/ext/sqlite/detail/checkpointer.hpp"
#include "weir/ext/sqlite/detail/connection.hpp"
#include "weir/ext/sqlite/detail/file_identity.hpp"
#include "weir/ext/sqlite/detail/key_row.hpp"
#include "weir/ext/sqlite/detail/schema.hpp"
#include "weir/ext/sqlite/options.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/tuner_record.hpp"
#include "weir/storage/remote/window_record.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::sqlite::detail {

/// The opened database file: rows of keys and their blocks, inside transactions.
///
/// **Thread safety.** None: the store's mutex.
class file {
public:
    template <clock_set Clock>
    file(const sqlite_options& options, const Clock& clock, patience& waiting, checkpointer& checkpoints)
        : had_data_(identity_of(options.path).size > 0), was_taken_away_(is_taken_away(options.path)),
          db_(options.path, waiting, options.migrate) {
        if (sqlite3_db_readonly(db_.get(), "main") == 1)
            db_.fail("the file is read-only", advice(SQLITE_READONLY));
        check_owner(db_);
        if (!options.migrate)
            require_newest(db_);
        use_wal(db_);
        db_.execute(options.synchronous == durability::full     ? "PRAGMA synchronous = FULL"
                    : options.synchronous == durability::normal ? "PRAGMA synchronous = NORMAL"
                                                                : "PRAGMA synchronous = OFF");
        // The log is moved into the database between requests, and does not keep the size of its worst time.
        db_.execute("PRAGMA journal_size_limit = 8388608");
        sqlite3_wal_hook(
            db_.get(),
            [](void* to, sqlite3*, const char*, int pages) {
                static_cast<checkpointer*>(to)->committed(pages);
                return SQLITE_OK;
            },
            &checkpoints);
        migrate(db_);
        epoch_ = ask(db_, "SELECT value FROM meta WHERE name = 'epoch'");
        if (!options.injected_time)
            ahead_ = duration{time_of(clock)};
        main_ = identity_of(options.path);
        ask_lost();
        // Each process begins at a random key. Otherwise short-lived processes would always check the same few keys.
        sqlite3_randomness(sizeof swept_, &swept_);
        swept_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(swept_) >> 1) %
                 (ask(db_, "SELECT seq FROM sqlite_sequence WHERE name = 'keys'") + 1);
        begin_.emplace(db_, "BEGIN IMMEDIATE");
        commit_.emplace(db_, "COMMIT");
        by_id_.emplace(db_, "SELECT forget_at, state, tuner FROM keys WHERE id = ?1");
        by_name_.emplace(db_, "SELECT id, forget_at, state, tuner FROM keys WHERE name = ?1");
        update_.emplace(db_, "UPDATE keys SET forget_at = ?2, state = ?3 WHERE id = ?1");
        set_tuner_.emplace(db_, "UPDATE keys SET tuner = ?2 WHERE id = ?1");
        set_windows_.emplace(db_, "UPDATE keys SET windows = CAST(?2 AS TEXT) WHERE id = ?1");
        insert_.emplace(db_, "INSERT INTO keys (forget_at, state, name) VALUES (?1, ?2, ?3)");
        remove_.emplace(db_, "DELETE FROM keys WHERE id = ?1");
        get_block_.emplace(db_, "SELECT stamps FROM blocks WHERE key = ?1 AND no = ?2");
        put_block_.emplace(db_, "INSERT INTO blocks VALUES (?1, ?2, ?3)");
        drop_block_.emplace(db_, "DELETE FROM blocks WHERE key = ?1 AND no = ?2");
        retire_.emplace(db_, "INSERT INTO retired VALUES (?1)");
        some_keys_.emplace(db_, "SELECT id, forget_at FROM keys WHERE id > ?1 ORDER BY id LIMIT 16");
        one_retired_.emplace(db_, "SELECT key FROM retired LIMIT 1");
        drop_blocks_.emplace(db_, "DELETE FROM blocks WHERE key = ?1 AND no IN "
                                  "(SELECT no FROM blocks WHERE key = ?1 LIMIT 64)");
        unretire_.emplace(db_, "DELETE FROM retired WHERE key = ?1");
    }

    /// One atomic step: everything between construction and `commit` is done, or nothing.
    class transaction {
    public:
        explicit transaction(file& f) : file_(f) { f.begin_->run(); }
        transaction(const transaction&) = delete;
        transaction& operator=(const transaction&) = delete;
        ~transaction() {
            if (!done_)
                file_.db_.roll_back();
        }
        void commit() {
            file_.commit_->run();
            done_ = true;
        }

    private:
        file& file_;
        bool done_ = false;
    };

    [[nodiscard]] std::int64_t epoch() const noexcept { return epoch_; }
    /// How far the file's time is ahead of the machine's time since boot.
    [[nodiscard]] duration ahead() const noexcept { return ahead_; }
    [[nodiscard]] connection& db() noexcept { return db_; }

    /// Whether the paths still lead to the opened files: the database and the two files beside it. Without those, other
    /// processes do not see what this one writes.
    [[nodiscard]] bool is_in_place() noexcept {
        return main_ == identity_of(db_.path()) && main_.is_there && is_beside("-shm", shared_) &&
               is_beside("-wal", log_);
    }
    /// Whether it was open in another process when it was opened here, and a part of it was missing.
    [[nodiscard]] bool was_taken_away() const noexcept { return was_taken_away_ && (had_data_ || lost_ == 0); }
    /// When a process last detected a loss, in the file's time.
    [[nodiscard]] instant lost_since() const noexcept { return lost_ == 0 ? long_ago : instant{duration{lost_}}; }
    /// Records a loss for the processes that open the file later.
    void note_loss(instant at) {
        statement{db_, "INSERT OR REPLACE INTO meta VALUES ('lost', ?1)"}.bind(1, at.time_since_epoch().count()).run();
    }

    // ---- keys

    /// Reads a key's row into `row`, by its id if that is known and still correct. If there is none, `row` is a new
    /// key.
    void load(key_row& row, std::int64_t id, std::string_view name) {
        bool good = true;
        const auto read = [&](const statement& s, int first, std::int64_t found) {
            good = row.decode(s.bytes(first + 1)) && remote::read_record(s.bytes(first + 2), row.tuner);
            row.id = found;
            row.forget_at = s.integer(first);
            row.changed = row.tuner_changed = false;
            row.noted = nullptr;
        };
        const bool known = id != 0 && by_id_->bind(1, id).first([&](const statement& s) { read(s, 0, id); });
        if (!known && !by_name_->bind(1, name).first([&](const statement& s) { read(s, 1, s.integer(0)); })) {
            row.clear();
            // For programs of the version before, which number the entries of a row.
            sqlite3_randomness(sizeof row.last_id, &row.last_id);
            row.last_id >>= 2;
        }
        if (!good)
            damaged("a key");
    }
    /// Writes the row; a new one gets its id.
    void save(key_row& row, std::string_view name) {
        row.encode(bytes_);
        if (row.id != 0) {
            update_->bind(1, row.id).bind(2, row.forget_at).bind(3, bytes_).run();
        } else {
            insert_->bind(1, row.forget_at).bind(2, bytes_).bind(3, name).run();
            row.id = sqlite3_last_insert_rowid(db_.get());
        }
        if (std::exchange(row.tuner_changed, false)) {
            const std::string words = remote::to_bytes(row.tuner);
            set_tuner_->bind(1, row.id).bind(2, words).run();
        }
    }
    /// Writes the windows of the present plan beside the row, for operators.
    void note_windows(std::int64_t id, const window_plan& plan) {
        const std::string numbers = fmt::format("{}", fmt::join(remote::to_record(plan), " "));
        set_windows_->bind(1, id).bind(2, numbers).run();
    }
    /// Calls `use` with the name, the state's bytes and the windows of every key that is not forgotten at `now`.
    template <class Use>
    void each_key(instant now, Use&& use) {
        statement{db_, "SELECT name, state, windows FROM keys WHERE forget_at > ?1 ORDER BY id"}
            .bind(1, now.time_since_epoch().count())
            .each([&](const statement& row) { use(row.bytes(0), row.bytes(1), row.bytes(2)); });
    }
    /// Removes the row and marks its blocks as forgotten; they are removed in small steps.
    void forget(std::int64_t id, bool has_blocks = true) {
        remove_->bind(1, id).run();
        if (has_blocks)
            retire_->bind(1, id).run();
    }

    /// Forgets a few keys that expired before `now`, and a few blocks of forgotten keys. Every 64th step looks for
    /// them, and the next step does so too if something was found.
    void tidy(instant now) {
        if (++steps_ % 64 != 0 && !untidy_)
            return;
        untidy_ = false;
        std::array<std::int64_t, 16> over{};
        std::size_t found = 0, seen = 0;
        some_keys_->bind(1, swept_).each([&](const statement& row) {
            ++seen;
            swept_ = row.integer(0);
            if (row.integer(1) <= now.time_since_epoch().count())
                over[found++] = swept_;
        });
        if (seen < over.size())
            swept_ = 0;
        for (std::size_t i = 0; i < found; ++i)
            forget(over[i]);
        std::int64_t key = 0;
        if (one_retired_->first([&](const statement& row) { key = row.integer(0); })) {
            drop_blocks_->bind(1, key).run();
            if (sqlite3_changes(db_.get()) < 64)
                unretire_->bind(1, key).run();
            untidy_ = true;
        }
        untidy_ = untidy_ || found > 0;
    }

    /// The blocks of one key, in the form that `key_log` needs.
    struct key_blocks {
        file& in;
        const key_row& row;
        std::string_view name;

        void get(std::int64_t no, stamp_block& to) {
            bool good = false;
            in.get_block_->bind(1, row.id).bind(2, no).first([&](const statement& s) { good = to.decode(s.bytes(0)); });
            if (!good)
                in.damaged("a block");
        }
        void put(std::int64_t no, const stamp_block& block) {
            const std::string bytes = block.encode();
            in.put_block_->bind(1, id()).bind(2, no).bind(3, bytes).run();
        }
        void drop(std::int64_t no) { in.drop_block_->bind(1, row.id).bind(2, no).run(); }

    private:
        /// The id of the key. A new key that fills blocks at once needs its row first.
        [[nodiscard]] std::int64_t id() {
            if (row.id == 0)
                in.save(const_cast<key_row&>(row), name);
            return row.id;
        }
    };

private:
    /// Whether a file beside the database is still the one that was found first.
    [[nodiscard]] bool is_beside(const char* ending, identity& known) const noexcept {
        const identity now = identity_of(db_.path() + ending);
        if (!known.is_there)
            known = now;
        return known == now;
    }
    void ask_lost() {
        statement{db_, "SELECT value FROM meta WHERE name = 'lost'"}.first(
            [&](const statement& row) { lost_ = row.integer(0); });
        static_cast<void>(is_in_place());  // finds the two files beside it, which exist now
    }
    [[noreturn]] void damaged(std::string_view what) {
        db_.fail(fmt::format("the row of {} is damaged", what), advice(SQLITE_CORRUPT));
    }

    /// How far the file's time is ahead of the time since boot. Only the first process after a boot reads the wall
    /// clock. So later changes of that clock have no effect.
    template <clock_set Clock>
    [[nodiscard]] std::int64_t time_of(const Clock& clock) {
        const std::string boot = clock.boot();
        statement find{db_, "SELECT ahead FROM clock WHERE boot = CAST(?1 AS TEXT)"};
        std::int64_t ahead = 0;
        const auto known = [&] {
            return find.bind(1, boot).first([&](const statement& row) { ahead = row.integer(0); });
        };
        if (known())
            return ahead;
        db_.execute("BEGIN IMMEDIATE");
        try {
            if (!known()) {
                ahead = (clock.wall() - clock.since_boot()).count();
                db_.execute("DELETE FROM clock");
                statement{db_, "INSERT INTO clock VALUES (CAST(?1 AS TEXT), ?2)"}.bind(1, boot).bind(2, ahead).run();
            }
            db_.execute("COMMIT");
        } catch (...) {
            db_.roll_back();
            throw;
        }
        return ahead;
    }

    // Read before the file is opened, because opening makes it.
    const bool had_data_;
    const bool was_taken_away_;
    connection db_;
    std::int64_t epoch_ = 0;
    std::int64_t lost_ = 0;
    duration ahead_{};
    identity main_, shared_, log_;
    std::uint64_t steps_ = 56;  // near 64, so that short-lived processes also clean up
    std::int64_t swept_ = 0;
    bool untidy_ = false;
    std::string bytes_;
    std::optional<statement> begin_, commit_, by_id_, by_name_, update_, set_tuner_, set_windows_, insert_, remove_,
        get_block_, put_block_, drop_block_, retire_, some_keys_, one_retired_, drop_blocks_, unretire_;
};

}  // namespace weir::sqlite::detail
