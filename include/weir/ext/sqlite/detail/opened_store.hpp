// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/clock.hpp"
#include "weir/ext/sqlite/detail/checkpointer.hpp"
#include "weir/ext/sqlite/detail/errors.hpp"
#include "weir/ext/sqlite/detail/file.hpp"
#include "weir/ext/sqlite/detail/kept_keys.hpp"
#include "weir/ext/sqlite/detail/key_row.hpp"
#include "weir/ext/sqlite/detail/moment.hpp"
#include "weir/ext/sqlite/detail/slot_state.hpp"
#include "weir/ext/sqlite/detail/turn.hpp"
#include "weir/ext/sqlite/options.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/error.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/own_presence.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace weir::sqlite::detail {

/// What a store object has in this process: the opened file, and what is known of it. It is one object, so that the
/// store can be moved.
template <clock_set Clock>
struct opened_store {
    opened_store(sqlite_options o, Clock c)
        : options(std::move(o)), clock(std::move(c)),
          here(ids.holder(), options.holder_ttl, options.entry_ttl, options.holder_host, options.injected_time) {
        if (std::string fault = fault_of(options); !fault.empty())
            throw exception({errc::bad_configuration, std::move(fault)});
        // The process may change its folder before the file is opened, or opened again.
        std::error_code ignored;
        if (auto full = std::filesystem::absolute(options.path, ignored); !ignored)
            options.path = full.string();
    }
    opened_store(const opened_store&) = delete;
    opened_store& operator=(const opened_store&) = delete;
    ~opened_store() {
        // In a child after fork() the parent's files must not be closed, because that would release its locks and
        // remove its journal.
        if (process == ::getpid())
            return;
        static_cast<void>(opened.release());
        checkpoints.leak();
    }

    sqlite_options options;  // never changes
    const Clock clock;
    const pid_t process = ::getpid();
    remote::entry_ids ids;
    remote::own_presence here;
    remote::holder_watch others;
    checkpointer checkpoints;                     // has its own lock
    kept_keys kept;                               // has its own lock
    std::atomic<std::uint64_t> opening_seen = 0;  // `opening`, read without the mutex
    turn mutex;
    // The mutex guards these.
    patience waiting;
    std::unique_ptr<file> opened;
    std::uint64_t opening = 0;  // counts openings, so that a slot knows whether its row belongs to the present one
    std::optional<std::int64_t> epoch;
    bool lost = false;                    // the file was replaced, and nothing was decided in the new one yet
    instant lost_since = long_ago;        // when that was seen, in the file's time
    std::atomic<instant> last{long_ago};  // the latest injected time; read without the mutex
    std::chrono::steady_clock::time_point checked{};  // when the file was last seen at its path
    key_row row;                                      // used for one verb at a time
    notice_board notices;

    /// Locks the mutex.
    [[nodiscard]] std::unique_lock<turn> enter(std::string_view doing) {
        if (process != ::getpid())
            throw failed(doing, options.path, "this process is a fork of the one that made the store",
                         "fork before the store is first used, and make one in each process");
        const auto until = std::chrono::steady_clock::now() + options.busy_timeout;
        std::unique_lock lock{mutex, until};
        if (!lock)
            throw store_busy{failed(doing, options.path, "other threads of this process are waiting for the file",
                                    advice(SQLITE_BUSY))
                                 .what()};
        waiting.begin(until);
        return lock;
    }

    /// The file. It is opened if it is not open, and again if another file has replaced it.
    [[nodiscard]] file& opened_file() {
        const auto now = std::chrono::steady_clock::now();
        if (opened && now - checked > std::chrono::milliseconds{100}) {
            checked = now;
            if (!opened->is_in_place()) {
                opened.reset();
                checkpoints.close();
                // Other processes do not see the writes since the files were removed.
                lost = true;
            }
        }
        if (!opened) {
            opened = std::make_unique<file>(options, clock, waiting, checkpoints);
            checked = now;
            opening_seen = ++opening;
            lost = lost || (epoch && *epoch != opened->epoch()) || opened->was_taken_away();
            epoch = opened->epoch();
            lost_since = std::max(lost_since, opened->lost_since());
        }
        return *opened;
    }

    /// How far stamps may be ahead of the file's time. If they are further ahead, they come from another clock.
    static constexpr duration tolerance = std::chrono::seconds{1};
    /// Moves the write-ahead log into the database if it is long enough.
    void checkpoint() noexcept {
        if (checkpoints.is_wanted()) [[unlikely]]
            checkpoints.run(options.path, opening_seen, options.synchronous != durability::off);
    }
    /// Does it at the end of the caller's block, between requests.
    [[nodiscard]] auto checkpoint_at_end() noexcept {
        struct at_end {
            opened_store& store;
            ~at_end() { store.checkpoint(); }
        };
        return at_end{*this};
    }
    /// Keeps an answer for the key's next transaction.
    void keep_answer(const std::shared_ptr<slot_state>& key, const window_plan& plan, const entry& e, bool has_ended,
                     instant now) {
        if (options.injected_time)
            last.store(std::max(last.load(), now));
        const instant at = options.injected_time ? now : clock.since_boot();
        if (key->answers.put({.id = e.id, .cost = e.cost, .at = at, .has_ended = has_ended}, plan))
            kept.add(key);
    }

    /// The times of a step on a key.
    [[nodiscard]] moment moment_of(key_row& key, detail::file& in, std::optional<instant> now) {
        moment m{};
        m.injected = options.injected_time;
        if (m.injected) {
            const instant before = last.load();
            m.base = now.value_or(before);
            last.store(std::max(before, m.base));
        } else {
            m.base = clock.since_boot() + in.ahead();
            lost_since = std::min(lost_since, m.base);
        }
        m.here = m.injected ? m.base : steady_clock{}.now();
        m.t = m.base + key.shift;
        // The stamps come from another clock. The key's time continues from them, because waiting for them could take
        // for ever.
        if (!m.injected && key.seen > m.t + tolerance) {
            key.shift += key.seen - m.t;
            m.t = key.seen;
            key.changed = true;
        }
        m.t = std::max(m.t, key.newest);
        if (lost) {
            lost = false;
            lost_since = m.base;
            in.note_loss(m.base);
            notices.put({store_notice::kind::history_lost,
                         fmt::format("sqlite: {} has lost history: the file, or one of those beside it, was removed or "
                                     "replaced; keys warm up for their shortest window",
                                     weir::detail::in_quotes(options.path))});
        }
        return m;
    }
};

}  // namespace weir::sqlite::detail
