// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/clock.hpp"
#include "weir/ext/sqlite/detail/file.hpp"
#include "weir/ext/sqlite/detail/key_list.hpp"
#include "weir/ext/sqlite/detail/key_log.hpp"
#include "weir/ext/sqlite/detail/moment.hpp"
#include "weir/ext/sqlite/detail/slot_state.hpp"
#include "weir/ext/sqlite/detail/turn.hpp"
#include "weir/ext/sqlite/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/remote/tuner_record.hpp"
#include "weir/storage/remote/window_record.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/storage/stored_key.hpp"

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
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::sqlite {

/// Keeps every key in one SQLite file that the processes of a machine share. Use it as `sqlite_store`.
///
/// At most 1,048,576 units of a key are kept. A window that allows more is used up to that number.
///
/// The first verb opens the file, and makes or updates it. A verb opens it again after a failure, or if another file
/// has replaced it. Its time starts as the wall clock of the first opening since the machine's boot, and from there
/// runs with the machine's monotonic clock. So setting the clock neither admits too much nor stops a key. Over a
/// restart of the machine, the wall clock says how much time has passed; if it went back, that is zero.
///
/// **Thread safety.** Any verb from any thread. They run one after the other, because SQLite has one writer.
/// **Errors.** Verbs throw `store_error`, and then nothing has changed.
/// **Lifetime.** In a child after `fork()` every verb throws. So do those of new stores if the parent had a file open.
/// Fork first, then use the store.
/// **Complexity.** O(windows) a verb, with a log of any length; about the cost of a one-row `UPDATE`.
template <clock_set Clock = machine_clock>
class basic_sqlite_store {
public:
    class slot;
    static constexpr bool is_local = false;

    /// **Errors.** `weir::exception` for options that contradict each other. The file is not touched.
    explicit basic_sqlite_store(sqlite_options options, Clock clock = {})
        : all_(std::make_unique<shared>(std::move(options), std::move(clock))) {}

    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept {
        return all_->options.injected_time ? std::max(all_->last.load(), instant{}) : steady_clock{}.now();
    }
    [[nodiscard]] instant after(instant now) const noexcept { return all_->options.injected_time ? now : this->now(); }
    [[nodiscard]] const sqlite_options& options() const noexcept { return all_->options; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const { return slot{host, role}; }

    /// Opens the file now, for a program that needs to know at once whether it can be used.
    void open() {
        const auto lock = enter("opening");
        static_cast<void>(opened_file());
    }

    // ---- verbs

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        entry made{.cost = cost, .stamp = now};
        const assessment f = step(s, "admitting", now, [&](view& key, const moment& m) {
            assessment decided = decide(key, plan, cost, m);
            decided.passed = !decided.admits() && !plan.enforce;
            if (decided.admits() && cost > 0) {
                made.id = key.enter(plan, cost, m.t, saturating_add(m.t, all_->options.entry_ttl));
                made.state = plan.from_response ? entry_state::open : entry_state::stamped;
                made.in_flight = true;
                made.stamp = m.here;
                key.row.noted = &plan;
            }
            touch(key.row, plan, m);
            return m.local(decided);
        });
        if (!f.admits())
            return f;
        s.state().held.fetch_add(made.in_flight, std::memory_order_relaxed);
        out = made;
        return f;
    }

    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return step(s, "counting", now, [&](view& key, const moment& m) {
            assessment decided = decide(key, plan, cost, m);
            decided.passed = !decided.admits() && !plan.enforce;
            if (decided.admits() && cost > 0) {
                key.log.push(m.t, cost, plan);
                key.row.noted = &plan;
            }
            touch(key.row, plan, m);
            return m.local(decided);
        });
    }

    /// If it fails, an open entry counts until it expires.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        const bool ends = how != settlement::answered;
        // The permit has ended, whatever becomes of the entry.
        if (ends && std::exchange(e.in_flight, false))
            s.state().held.fetch_sub(1, std::memory_order_relaxed);
        const bool matters =
            e.id != 0 && e.state != entry_state::free &&
            (how == settlement::refunded || e.state == entry_state::open || !view::is_stamp_only(e.id));
        if (matters && (ends || e.state == entry_state::open)) {
            const auto [id, stamp] = step(s, "settling", now, [&](view& key, const moment& m) {
                key.expire(m.t, plan);
                const std::uint64_t left = key.settle(plan, e.id, e.cost, how, m.t, e.grace);
                touch(key.row, plan, m);
                return std::pair{left, m.here};
            });
            e.id = id;
            e.stamp = stamp;
        }
        if (ends)
            e = {};
        else if (e.state == entry_state::open)
            e.state = entry_state::stamped;
    }

    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        step(s, "reducing", now, [&](view& key, const moment& m) {
            key.expire(m.t, plan);
            key.reduce(e.id, e.cost, cost);
            touch(key.row, plan, m);
        });
        e.cost = cost;
    }

    [[nodiscard]] bool hold(slot& s, instant until) {
        return step(s, "holding", std::nullopt, [&](view& key, const moment& m) {
            // The two clocks are not read at the same moment, so a gate that is later by less than 1 us counts as the
            // same.
            const duration hair = m.injected ? duration::zero() : std::chrono::microseconds{1};
            const instant at = m.injected ? until : m.there(until);
            if (at <= key.row.gate + hair)
                return false;
            key.row.gate = at;
            keep_until(key.row, at);
            return true;
        });
    }

    void open_gate(slot& s) {
        step(s, "opening the gate", std::nullopt, [](view& key, const moment&) {
            key.row.changed |= key.row.gate > long_ago;
            key.row.gate = long_ago;
        });
    }

    void tune(slot& s, multiplier m) {
        step(s, "tuning", std::nullopt, [&](view& key, const moment& at) {
            key.row.millionths = m.millionths();
            keep_until(key.row, saturating_add(at.t, factor_kept));
        });
    }
    /// `step` is called once, inside the transaction.
    tuner_state learn(slot& s, tuner_step how) {
        return step(s, "learning", std::nullopt, [&](view& key, const moment& m) {
            key_row& row = key.row;
            const duration ahead = m.injected ? duration::zero() : m.t - m.here;
            const tuner_state before = remote::to_state(row.tuner, multiplier::of_millionths(row.millionths), ahead);
            const tuner_state after = how(before);
            if (after == before)
                return after;
            row.millionths = after.factor.millionths();
            row.tuner = remote::to_record(after, ahead);
            row.tuner_changed = true;
            keep_while_tuned(row, m);
            row.changed = true;
            return after;
        });
    }
    /// The factor as of this process's last verb on the key.
    [[nodiscard]] multiplier factor(const slot& s) const {
        return multiplier::of_millionths(s.state().millionths.load(std::memory_order_relaxed));
    }

    [[nodiscard]] key_snapshot read(const slot& s, const window_plan& plan, instant now) {
        return step(s, "reading", now, [&](view& key, const moment& m) {
            // The row stays for as long as the plans of its users say. This caller's plan may be another one.
            key.expire(m.t, plan);
            const key_row& row = key.row;
            const std::int64_t blocks = row.end_block - row.first_block;
            key_snapshot out{{}, row.open, key.in_flight, m.local(row.gate), {}, m.local(row.newest), 0};
            out.factor = multiplier::of_millionths(row.millionths);
            out.bytes = row.id == 0 ? 0 : row.bytes() + static_cast<std::size_t>(blocks) * 8 * detail::block_units;
            for (std::size_t i = 0; i < plan.windows.size(); ++i) {
                const window& w = plan.windows[i];
                std::int64_t used = row.open + key.log.newer_than(m.t - w.period);
                // Behind the kept stamps it is only known that there are more. The window then counts as full.
                if (row.dropped > m.t - w.period)
                    used = std::max(used, w.limit);
                out.windows.push_back({plan.shown[i], w.limit, w.period, used});
            }
            return out;
        });
    }

    void erase(slot& s) {
        step(s, "erasing", std::nullopt, [&](view& key, const moment&) {
            key_row& row = key.row;
            if (row.id == 0)
                return;
            // The blocks are removed with the row, a few at a time. Entries get a new row.
            if (row.end_block > row.first_block) {
                all_->opened->forget(row.id);
                row.id = 0;
            }
            row.newest = row.gate = row.dropped = long_ago;
            row.millionths = multiplier::one;
            row.tuner_changed = !row.tuner.empty();
            row.tuner.clear();
            row.recent.clear();
            row.first_block = row.end_block = 0;
            if (row.entries.empty())
                row.forget_at = 0;
            row.changed = true;
        });
    }

    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant) const {
        return s.state().held.load(std::memory_order_relaxed) == 0;
    }

    /// All keys in the file, in one transaction that writes nothing.
    ///
    /// **Complexity.** O(keys), and one read of the file.
    [[nodiscard]] std::vector<stored_key> keys() {
        const auto lock = enter("listing keys");
        detail::file& in = opened_file();
        in.db().doing("listing keys");
        return detail::list_keys(in, all_->options.injected_time ? all_->last.load()
                                                                 : all_->clock.since_boot() + in.ahead());
    }

    /// Does nothing: every verb is in the file when it returns.
    void flush() noexcept {}

    /// The next notice: a loss of history, or a warning. Each is returned once.
    [[nodiscard]] std::optional<store_notice> take_notice() { return all_->notices.take(); }

    /// What this process keeps of a key.
    ///
    /// **Lifetime.** Movable; used with the store that made it.
    class slot {
    public:
        [[nodiscard]] detail::slot_state& state() const noexcept { return *state_; }

    private:
        friend basic_sqlite_store;
        slot(std::string_view host, std::string_view role) : state_(std::make_unique<detail::slot_state>(host, role)) {}
        std::unique_ptr<detail::slot_state> state_;
    };

private:
    using key_row = detail::key_row;
    using view = detail::key_view<detail::file::key_blocks>;
    using moment = detail::moment;

    /// How far stamps may be ahead of the file's time. If they are further ahead, they come from another clock.
    static constexpr duration tolerance = std::chrono::seconds{1};
    /// How long a key is kept at least after its last change, because a reload may lengthen its windows. The same holds
    /// for a factor that the tuner did not set.
    static constexpr duration history_kept = std::chrono::minutes{1};
    static constexpr duration factor_kept = std::chrono::hours{24};

    /// The store's data, in one object so that the store can be moved.
    struct shared {
        shared(sqlite_options o, Clock c) : options(std::move(o)), clock(std::move(c)) {
            if (std::string fault = fault_of(options); !fault.empty())
                throw exception({errc::bad_configuration, std::move(fault)});
            // The process may change its folder before the file is opened, or opened again.
            std::error_code ignored;
            if (auto full = std::filesystem::absolute(options.path, ignored); !ignored)
                options.path = full.string();
        }
        shared(const shared&) = delete;
        shared& operator=(const shared&) = delete;
        ~shared() {
            // In a child after fork() the parent's files must not be closed, because that would release its locks and
            // remove its journal.
            if (process != ::getpid())
                static_cast<void>(opened.release());
        }

        sqlite_options options;  // never changes
        const Clock clock;
        const pid_t process = ::getpid();
        detail::turn mutex;
        // The mutex guards these.
        detail::patience waiting;
        std::unique_ptr<detail::file> opened;
        std::uint64_t opening = 0;  // counts openings, so that a slot knows whether its row belongs to the present one
        std::optional<std::int64_t> epoch;
        bool lost = false;                    // the file was replaced, and nothing was decided in the new one yet
        instant lost_since = long_ago;        // when that was seen, in the file's time
        std::atomic<instant> last{long_ago};  // the latest injected time; read without the mutex
        std::chrono::steady_clock::time_point checked{};  // when the file was last seen at its path
        key_row row;                                      // used for one verb at a time
        notice_board notices;
    };

    [[nodiscard]] std::unique_lock<detail::turn> enter(std::string_view doing) {
        if (all_->process != ::getpid())
            throw detail::failed(doing, all_->options.path, "this process is a fork of the one that made the store",
                                 "fork before the store is first used, and make one in each process");
        const auto until = std::chrono::steady_clock::now() + all_->options.busy_timeout;
        std::unique_lock lock{all_->mutex, until};
        if (!lock)
            throw store_busy{detail::failed(doing, all_->options.path,
                                            "other threads of this process are waiting for the file",
                                            detail::advice(SQLITE_BUSY))
                                 .what()};
        all_->waiting.begin(until);
        return lock;
    }

    /// The file. It is opened if it is not open, and again if another file has replaced it.
    [[nodiscard]] detail::file& opened_file() {
        shared& all = *all_;
        const auto now = std::chrono::steady_clock::now();
        if (all.opened && now - all.checked > std::chrono::milliseconds{100}) {
            all.checked = now;
            if (!all.opened->is_in_place()) {
                all.opened.reset();
                // Other processes do not see the writes since the files were removed.
                all.lost = true;
            }
        }
        if (!all.opened) {
            all.opened = std::make_unique<detail::file>(all.options, all.clock, all.waiting);
            all.checked = now;
            ++all.opening;
            all.lost = all.lost || (all.epoch && *all.epoch != all.opened->epoch()) || all.opened->was_taken_away();
            all.epoch = all.opened->epoch();
            all.lost_since = std::max(all.lost_since, all.opened->lost_since());
        }
        return *all.opened;
    }

    /// Runs `f` on a key inside one transaction, and saves the changes.
    template <class F>
    auto step(const slot& s, std::string_view doing, std::optional<instant> now, F&& f) {
        const auto lock = enter(doing);
        detail::file& in = opened_file();
        in.db().doing(doing);
        try {
            detail::file::transaction transaction{in};
            shared& all = *all_;
            detail::slot_state& mine = s.state();
            key_row& row = all.row;
            in.load(row, mine.of_opening == all.opening ? mine.row : 0, mine.name);
            const moment m = moment_of(row, in, now);
            detail::file::key_blocks blocks{in, row, mine.name};
            view key{row, blocks};
            const auto finish = [&] {
                if (row.changed) {
                    row.seen = std::max(row.seen, m.t);
                    // If no time was injected yet, it is unknown how long to keep the key.
                    const instant kept = m.base > long_ago ? saturating_add(m.base, history_kept) : far_future;
                    row.forget_at = std::max(row.forget_at, kept.time_since_epoch().count());
                    in.save(row, mine.name);
                    if (row.noted != nullptr &&
                        detail::takes_note(mine, row.id, all_->opening, remote::name_of(*row.noted)))
                        in.note_windows(row.id, *row.noted);
                    in.tidy(m.base);
                }
                transaction.commit();
                mine.row = row.id;
                mine.of_opening = all.opening;
                mine.millionths.store(row.millionths, std::memory_order_relaxed);
            };
            if constexpr (std::is_void_v<std::invoke_result_t<F&, view&, const moment&>>) {
                f(key, m);
                finish();
            } else {
                auto out = f(key, m);
                finish();
                return out;
            }
        } catch (const store_error&) {
            if (in.db().broken())
                all_->opened.reset();
            throw;
        }
    }

    [[nodiscard]] moment moment_of(key_row& row, detail::file& in, std::optional<instant> now) {
        shared& all = *all_;
        moment m{};
        m.injected = all.options.injected_time;
        if (m.injected) {
            const instant last = all.last.load();
            m.base = now.value_or(last);
            all.last.store(std::max(last, m.base));
        } else {
            m.base = all.clock.since_boot() + in.ahead();
            all.lost_since = std::min(all.lost_since, m.base);
        }
        m.here = m.injected ? m.base : this->now();
        m.t = m.base + row.shift;
        // The stamps come from another clock. The key's time continues from them, because waiting for them could take
        // for ever.
        if (!m.injected && row.seen > m.t + tolerance) {
            row.shift += row.seen - m.t;
            m.t = row.seen;
            row.changed = true;
        }
        m.t = std::max(m.t, row.newest);
        if (all.lost) {
            all.lost = false;
            all.lost_since = m.base;
            in.note_loss(m.base);
            all.notices.put(
                {store_notice::kind::history_lost,
                 fmt::format("sqlite: {} has lost history: the file, or one of those beside it, was removed or "
                             "replaced; keys warm up for their shortest window",
                             weir::detail::in_quotes(all.options.path))});
        }
        return m;
    }

    [[nodiscard]] assessment decide(view& key, const window_plan& plan, std::int64_t cost, const moment& m) const {
        key.expire(m.t, plan);
        assessment f = assess(key, plan, cost, m.t);
        if (all_->options.on_lost_history == lost_history::ignore || f.cause == cause::never)
            return f;
        const assessment warm = warm_up(plan, cost, all_->lost_since + key.row.shift, m.t);
        return warm.at > f.at ? warm : f;
    }

    /// If the row has changed, stores how long it affects decisions under `plan`.
    static void touch(key_row& row, const window_plan& plan, const moment& m) {
        if (!row.changed)
            return;
        row.forget_at = 0;
        keep_until(row, saturating_add(row.newest, plan.kept.longest));
        keep_until(row, row.gate);
        if (!row.entries.empty())
            keep_until(row, saturating_add(row.last_expiry, plan.kept.longest));
        keep_while_tuned(row, m);
    }
    /// Keeps the row while the tuner's state matters. That state says until when; a factor set by hand does not.
    static void keep_while_tuned(key_row& row, const moment& m) {
        if (!row.tuner.empty())
            keep_until(row, instant{duration{row.tuner[remote::recovered_index]}});
        else if (row.millionths != multiplier::one)
            keep_until(row, saturating_add(m.t, factor_kept));
    }
    static void keep_until(key_row& row, instant at) {
        row.forget_at = std::max(row.forget_at, (at - row.shift).time_since_epoch().count());
        row.changed = true;
    }

    std::unique_ptr<shared> all_;
};

using sqlite_store = basic_sqlite_store<>;

static_assert(counting_store<sqlite_store> && reducible_store<sqlite_store> && tunable_store<sqlite_store> &&
              openable_store<sqlite_store> && listable_store<sqlite_store>);

}  // namespace weir::sqlite
