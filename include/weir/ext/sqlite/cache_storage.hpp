// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/connection.hpp"

#include "weir/http/cache/cache_storage.hpp"
#include "weir/http/cache/detail/stored_head.hpp"
#include "weir/http/cache/stored_response.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sqlite {

/// Stored responses in an SQLite file of its own, for all processes of one machine. It survives the death of a process
/// at any moment; after a loss of power the last responses may be missing. The URLs that were used longest ago are
/// dropped first.
///
/// ```
/// auto http = weir::http::cached(weir::http::limited(weir::curl::transport{}, limits),
///                                weir::sqlite::cache_storage{"cache.db"});
/// ```
///
/// **Errors.** Each verb throws `store_error` for a file that cannot be used, or that another process holds for longer
/// than a second; `cached` then goes on without it.
/// **Thread safety.** Any thread; one at a time. **Complexity.** A query; `erase_if` reads every URL.
class cache_storage {
public:
    /// `max_bytes`: the most that all responses take together. The file is a little larger.
    explicit cache_storage(std::string path, std::int64_t max_bytes = std::int64_t{1} << 30)
        : file_(std::make_unique<file>(std::move(path), max_bytes)) {}

    [[nodiscard]] std::vector<http::shared_response> find(std::string_view key) {
        const std::lock_guard lock{file_->mutex};
        return file_->opened().find(key);
    }
    void put(std::string_view key, const http::shared_response& response) {
        const std::lock_guard lock{file_->mutex};
        file_->opened().put(key, *response, file_->max_bytes);
    }
    void erase(std::string_view key) {
        const std::lock_guard lock{file_->mutex};
        file_->opened().erase(key);
    }
    std::size_t erase_if(const std::function<bool(std::string_view)>& which) {
        const std::lock_guard lock{file_->mutex};
        return file_->opened().erase_if(which);
    }

private:
    /// One open file with its statements.
    class session {
    public:
        explicit session(const std::string& path) : db_(path, patience_) {
            patience_.begin(std::chrono::steady_clock::now() + max_wait);
            db_.doing("opening the cache");
            prepare();
            find_.emplace(db_, "SELECT id, head, body, used FROM response WHERE url = ?1");
            touch_.emplace(db_, "UPDATE response SET used = ?2 WHERE id = ?1");
            forget_.emplace(db_, "DELETE FROM response WHERE url = ?1 AND variant = ?2");
            put_.emplace(db_,
                         "INSERT INTO response(url, variant, head, body, bytes, used) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
            erase_.emplace(db_, "DELETE FROM response WHERE url = ?1");
            total_.emplace(db_, "SELECT bytes FROM total");
            oldest_.emplace(db_, "DELETE FROM response WHERE id IN (SELECT id FROM response ORDER BY used LIMIT 8)");
        }
        [[nodiscard]] bool broken() const noexcept { return db_.broken(); }

        [[nodiscard]] std::vector<http::shared_response> find(std::string_view key) {
            begin("reading the cache");
            std::vector<http::shared_response> out;
            std::vector<std::int64_t> unused;
            const std::int64_t now = seconds();
            bool foreign = false;
            find_->bind(1, key).each([&](const detail::statement& row) {
                auto head = http::detail::stored_head_reader::read(row.bytes(1));
                foreign = foreign || !head;
                if (!head)
                    return;
                head->body = row.bytes(2);
                out.push_back(std::make_shared<const http::stored_response>(std::move(*head)));
                // A write for each hit would cost more than the hit.
                if (now - row.integer(3) >= 60)
                    unused.push_back(row.integer(0));
            });
            if (foreign)
                erase(key);
            for (const std::int64_t id : unused)
                touch_->bind(1, id).bind(2, now).run();
            return out;
        }
        void put(std::string_view key, const http::stored_response& one, std::int64_t max_bytes) {
            begin("writing to the cache");
            const std::string variant = http::detail::stored_head_writer::variant(one);
            const std::string head = http::detail::stored_head_writer::write(one);
            const auto size = static_cast<std::int64_t>(key.size() + variant.size() + head.size() + one.body.size());
            db_.execute("BEGIN IMMEDIATE");
            try {
                forget_->bind(1, key).bind(2, std::string_view{variant}).run();
                if (size <= max_bytes / 8)
                    put_->bind(1, key)
                        .bind(2, std::string_view{variant})
                        .bind(3, std::string_view{head})
                        .bind(4, std::string_view{one.body})
                        .bind(5, size)
                        .bind(6, seconds())
                        .run();
                while (total() > max_bytes)
                    oldest_->run();
                db_.execute("COMMIT");
            } catch (...) {
                db_.roll_back();
                throw;
            }
        }
        void erase(std::string_view key) {
            begin("writing to the cache");
            erase_->bind(1, key).run();
        }
        std::size_t erase_if(const std::function<bool(std::string_view)>& which) {
            begin("reading the cache");
            std::vector<std::string> urls;
            detail::statement{db_, "SELECT DISTINCT url FROM response"}.each([&](const detail::statement& row) {
                if (which(row.bytes(0)))
                    urls.emplace_back(row.bytes(0));
            });
            for (const std::string& url : urls)
                erase(url);
            return urls.size();
        }

    private:
        static constexpr std::chrono::seconds max_wait{1};
        static constexpr std::int64_t application = 0x77656963;  // "weic"
        static constexpr std::int64_t format = 1;

        void begin(std::string_view what) {
            db_.doing(what);
            patience_.begin(std::chrono::steady_clock::now() + max_wait);
        }
        [[nodiscard]] static std::int64_t seconds() {
            return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
                .count();
        }
        [[nodiscard]] std::int64_t total() {
            std::int64_t out = 0;
            total_->first([&](const detail::statement& row) { out = row.integer(0); });
            return out;
        }
        /// Makes the tables, or makes them anew if they are of another version: what is lost can be asked for again.
        void prepare() {
            db_.execute("PRAGMA journal_mode = WAL");
            db_.execute("PRAGMA synchronous = NORMAL");
            db_.execute("BEGIN IMMEDIATE");
            try {
                const bool own = detail::ask(db_, "PRAGMA application_id") == application;
                if (!own && detail::ask(db_, "SELECT count(*) FROM sqlite_schema") > 0)
                    db_.fail("it is no cache of weir", "name a file of its own");
                if (!own || detail::ask(db_, "PRAGMA user_version") != format)
                    db_.execute(R"(
                        DROP TABLE IF EXISTS response;
                        DROP TABLE IF EXISTS total;
                        CREATE TABLE response(id INTEGER PRIMARY KEY, url BLOB NOT NULL, variant BLOB NOT NULL,
                                              head BLOB NOT NULL, body BLOB NOT NULL, bytes INTEGER NOT NULL,
                                              used INTEGER NOT NULL, UNIQUE(url, variant));
                        CREATE INDEX by_use ON response(used);
                        CREATE TABLE total(bytes INTEGER NOT NULL);
                        INSERT INTO total VALUES(0);
                        CREATE TRIGGER put AFTER INSERT ON response BEGIN UPDATE total SET bytes = bytes + new.bytes; END;
                        CREATE TRIGGER forget AFTER DELETE ON response BEGIN UPDATE total SET bytes = bytes - old.bytes; END;
                        PRAGMA application_id = 0x77656963;
                        PRAGMA user_version = 1)");
                db_.execute("COMMIT");
            } catch (...) {
                db_.roll_back();
                throw;
            }
        }

        detail::patience patience_{};
        detail::connection db_;
        std::optional<detail::statement> find_, touch_, forget_, put_, erase_, total_, oldest_;
    };

    /// The file, opened at its first use and again after a failure that has made its connection useless.
    struct file {
        file(std::string where, std::int64_t max) : path(std::move(where)), max_bytes(max) {}
        [[nodiscard]] session& opened() {
            if (!open || open->broken()) {
                open.reset();
                open = std::make_unique<session>(path);
            }
            return *open;
        }
        std::mutex mutex;
        std::string path;
        std::int64_t max_bytes;
        std::unique_ptr<session> open;
    };
    std::unique_ptr<file> file_;
};

}  // namespace weir::sqlite
