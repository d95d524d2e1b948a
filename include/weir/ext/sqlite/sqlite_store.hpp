// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/clock.hpp"
#include "weir/ext/sqlite/detail/file.hpp"
#include "weir/ext/sqlite/detail/holders.hpp"
#include "weir/ext/sqlite/detail/key_list.hpp"
#include "weir/ext/sqlite/detail/key_log.hpp"
#include "weir/ext/sqlite/detail/moment.hpp"
#include "weir/ext/sqlite/detail/opened_store.hpp"
#include "weir/ext/sqlite/detail/reap.hpp"
#include "weir/ext/sqlite/detail/row_life.hpp"
#include "weir/ext/sqlite/detail/slot_state.hpp"
#include "weir/ext/sqlite/detail/turn.hpp"
#include "weir/ext/sqlite/detail/write_answers.hpp"
#include "weir/ext/sqlite/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/own_presence.hpp"
#include "weir/storage/remote/reaping.hpp"
#include "weir/storage/remote/tuner_record.hpp"
#include "weir/storage/remote/window_record.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/storage/stored_key.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
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

    basic_sqlite_store(basic_sqlite_store&&) noexcept = default;
    basic_sqlite_store& operator=(basic_sqlite_store&& other) noexcept {
        std::swap(all_, other.all_);
        return *this;
    }
    /// Writes the answers that wait. If that fails, their entries expire.
    ~basic_sqlite_store() {
        if (all_ == nullptr || all_->process != ::getpid())
            return;
        try {
            flush();
        } catch (const std::exception&) {
        }
    }

    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept {
        return all_->options.injected_time ? std::max(all_->last.load(), instant{}) : steady_clock{}.now();
    }
    [[nodiscard]] instant after(instant now) const noexcept { return all_->options.injected_time ? now : this->now(); }
    [[nodiscard]] const sqlite_options& options() const noexcept { return all_->options; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const { return slot{host, role}; }

    /// Opens the file now, for a program that needs to know at once whether it can be used.
    void open() {
        const auto lock = all_->enter("opening");
        static_cast<void>(all_->opened_file());
    }

    // ---- verbs

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        return without_dead(s, plan, now, [&] { return admit_once(s, plan, cost, now, out); });
    }

    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return without_dead(s, plan, now, [&] { return count_once(s, plan, cost, now); });
    }

    /// If decisions about the key follow answers within a millisecond, the answer is part of the next transaction on
    /// the key, or of one that `tend` makes after 5 ms, and the entry is open until then. Otherwise, and under a
    /// ceiling, the answer is a transaction of its own. If it fails, an open entry counts until it expires.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        detail::slot_state& mine = s.state();
        const entry before = e;
        const auto between_requests = all_->checkpoint_at_end();
        // The permit has changed, whatever becomes of the entry.
        if (settle_entry(e, how, now))
            mine.held.fetch_sub(1, std::memory_order_relaxed);
        const bool is_open = before.state == entry_state::open;
        const bool ends = how != settlement::answered;
        if (before.id == 0 || before.state == entry_state::free || (!is_open && !ends) ||
            (how != settlement::refunded && !is_open &&
             (view::is_stamp_only(before.id) || mine.answers.end(before.id))))
            return;
        if (is_open && (how == settlement::answered || how == settlement::released)) {
            const bool waits = mine.heat.is_hot() && plan.max_concurrent == 0;
            mine.heat.answered(now);
            if (waits)
                return all_->keep_answer(s.state_, plan, before, ends, now);
        }
        const auto [id, stamp] = step(s, "settling", now, [&](view& key, const moment& m) {
            key.expire(m.t, plan);
            const std::uint64_t known = mine.answers.known_as(before.id);
            const std::uint64_t left = known == 0 ? 0 : key.settle(plan, known, before.cost, how, m.t, before.grace);
            detail::touch(key.row, plan, m.t);
            return std::pair{left, m.here};
        });
        if (ends)
            static_cast<void>(mine.answers.end(before.id));
        else
            std::tie(e.id, e.stamp) = std::pair{id, stamp};
    }

    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        step(s, "reducing", now, [&](view& key, const moment& m) {
            key.expire(m.t, plan);
            if (const std::uint64_t known = s.state().answers.known_as(e.id); known != 0)
                key.reduce(known, e.cost, cost);
            detail::touch(key.row, plan, m.t);
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
            detail::keep_until(key.row, at);
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
            detail::keep_until(key.row, saturating_add(at.t, detail::factor_kept));
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
            detail::keep_while_tuned(row, m.t);
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

    void erase(slot& s, open_entries what = open_entries::keep) {
        step(s, "erasing", std::nullopt,
             [&](view& key, const moment&) { detail::forget_history(key.row, *all_->opened, what); });
    }

    // ---- holders

    /// Every verb gives the sign of life that is due. `far_future` under injected time.
    [[nodiscard]] instant next_renewal() const noexcept { return all_->here.next_renewal(); }
    /// Gives the sign of life that is due. Nothing is due under injected time.
    void renew() {
        if (all_->here.is_due(now()))
            static_cast<void>(holder_records());
    }
    /// How many holders lived at the last sign of life, with this one; 0 = not known.
    [[nodiscard]] std::int64_t alive() const noexcept { return all_->here.book.alive(); }
    /// All holders that the file knows: those that live, and those that died while an entry of theirs may exist.
    [[nodiscard]] std::vector<holder_info> holders() {
        auto said = holder_records();
        return all_->here.infos_of(std::move(said.holders), said.now);
    }

    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant) const {
        return s.state().held.load(std::memory_order_relaxed) == 0;
    }

    /// All keys in the file, in one transaction that writes nothing.
    ///
    /// **Complexity.** O(keys), and one read of the file.
    [[nodiscard]] std::vector<stored_key> keys() {
        const auto lock = all_->enter("listing keys");
        detail::file& in = all_->opened_file();
        in.db().doing("listing keys");
        return detail::list_keys(in, all_->options.injected_time ? all_->last.load()
                                                                 : all_->clock.since_boot() + in.ahead());
    }

    /// Writes every answer that waits for a verb.
    ///
    /// **Errors.** `store_error`; then they still wait.
    void flush() {
        const auto keys = all_->kept.take();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            try {
                if (!keys[i]->answers.empty())
                    step_on(*keys[i], "settling", all_->options.injected_time ? all_->last.load() : this->now(),
                            [](view&, const moment&) {});
            } catch (const store_error&) {
                for (; i < keys.size(); ++i)
                    all_->kept.add(keys[i]);
                throw;
            }
        }
    }
    /// The same if the caller `is_idle`, or one has waited for 5 ms. Returns when to call it again at the latest.
    instant tend(bool is_idle) {
        if (is_idle || all_->kept.is_due())
            flush();
        if (is_idle)
            all_->checkpoint();
        return all_->kept.due();
    }

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
        slot(std::string_view host, std::string_view role) : state_(std::make_shared<detail::slot_state>(host, role)) {}
        std::shared_ptr<detail::slot_state> state_;
    };

private:
    using key_row = detail::key_row;
    using view = detail::key_view<detail::file::key_blocks>;
    using moment = detail::moment;

    /// How long a key is kept at least after its last change, because a reload may lengthen its windows.
    static constexpr duration history_kept = std::chrono::minutes{1};

    using shared = detail::opened_store<Clock>;

    /// Runs `f` on a key inside one transaction, and saves the changes. Then writes what has waited for too long.
    template <class F>
    auto step(const slot& s, std::string_view doing, std::optional<instant> now, F&& f) {
        struct at_end {
            basic_sqlite_store& store;
            ~at_end() {
                if (store.all_->checkpoints.is_needed()) [[unlikely]]
                    store.all_->checkpoint();
                try {
                    store.tend(false);
                } catch (const std::exception&) {
                    // It is tried again with the next verb.
                }
            }
        } const after{*this};
        return step_on(s.state(), doing, now, f);
    }
    template <class F>
    auto step_on(detail::slot_state& mine, std::string_view doing, std::optional<instant> now, F&& f) {
        const auto lock = all_->enter(doing);
        detail::file& in = all_->opened_file();
        in.db().doing(doing);
        try {
            detail::file::transaction transaction{in};
            shared& all = *all_;
            key_row& row = all.row;
            in.load(row, mine.of_opening == all.opening ? mine.row : 0, mine.name);
            const auto alive = renew_in(in);
            moment m = all.moment_of(row, in, now);
            detail::file::key_blocks blocks{in, row, mine.name};
            view key{row, blocks};
            detail::write_answers(key, mine.answers, m, m.injected ? duration::zero() : in.ahead());
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
                mine.answers.commit();
                if (alive) [[unlikely]]
                    all.here.book.succeeded(*alive);
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
        } catch (...) {
            mine.answers.roll_back();
            if (in.db().broken())
                all_->opened.reset();
            throw;
        }
    }

    /// Gives the sign of life that is due, in the open transaction. Returns how many holders live.
    [[nodiscard]] std::optional<std::int64_t> renew_in(detail::file& in) {
        remote::own_presence& me = all_->here;
        if (!me.begin(now())) [[likely]]
            return std::nullopt;
        return detail::holder_table{in.db()}.renew(me, all_->clock.since_boot() + in.ahead());
    }
    /// All holders, after a sign of life if one is due.
    [[nodiscard]] detail::presence_list holder_records() {
        const auto lock = all_->enter("listing the holders");
        detail::file& in = all_->opened_file();
        in.db().doing("listing the holders");
        try {
            detail::file::transaction transaction{in};
            const auto alive = renew_in(in);
            const instant base =
                all_->options.injected_time ? all_->last.load() : all_->clock.since_boot() + in.ahead();
            auto out = detail::holder_table{in.db()}.list(base);
            transaction.commit();
            if (alive)
                all_->here.book.succeeded(*alive);
            return out;
        } catch (const store_error&) {
            if (in.db().broken())
                all_->opened.reset();
            throw;
        }
    }

    [[nodiscard]] assessment admit_once(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        entry made{.cost = cost, .stamp = now};
        s.state().heat.decides(now);
        const assessment f = step(s, "admitting", now, [&](view& key, const moment& m) {
            assessment decided = decide(key, plan, cost, m);
            decided.passed = !decided.admits() && !plan.enforce;
            if (decided.admits() && cost > 0) {
                made.id = key.enter(plan, cost, m.t, saturating_add(m.t, all_->options.entry_ttl), all_->ids);
                made.state = plan.from_response ? entry_state::open : entry_state::stamped;
                made.in_flight = true;
                made.stamp = m.here;
                key.row.noted = &plan;
            }
            detail::touch(key.row, plan, m.t);
            return m.local(decided);
        });
        if (!f.admits())
            return f;
        s.state().held.fetch_add(made.in_flight, std::memory_order_relaxed);
        out = made;
        return f;
    }

    [[nodiscard]] assessment count_once(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return step(s, "counting", now, [&](view& key, const moment& m) {
            assessment decided = decide(key, plan, cost, m);
            decided.passed = !decided.admits() && !plan.enforce;
            if (decided.admits() && cost > 0) {
                key.log.push(m.t, cost, plan);
                key.row.noted = &plan;
            }
            detail::touch(key.row, plan, m.t);
            return m.local(decided);
        });
    }

    /// Decides; if dead processes stand in the way, ends their entries and decides again.
    template <class F>
    [[nodiscard]] assessment without_dead(slot& s, const window_plan& plan, instant now, F&& decide_once) {
        const assessment f = decide_once();
        if (!remote::may_be_held(f, plan, after(now))) [[likely]]
            return f;
        return remote::decide_without_dead(
            all_->here, all_->others, s.state().reaped, all_->notices, "sqlite", plan, f, this->now(),
            [&] { return holder_records(); },
            [&](std::span<const remote::dead_holder> dead) {
                return step(s, "ending entries", std::nullopt, [&](view& key, const moment& m) {
                    remote::reap_reply out = detail::reap(key, plan, dead, m.t);
                    detail::touch(key.row, plan, m.t);
                    return out;
                });
            },
            decide_once);
    }

    [[nodiscard]] assessment decide(view& key, const window_plan& plan, std::int64_t cost, const moment& m) const {
        key.expire(m.t, plan);
        assessment f = assess(key, plan, cost, m.t);
        if (all_->options.on_lost_history == lost_history::ignore || f.cause == cause::never)
            return f;
        const assessment warm = warm_up(plan, cost, all_->lost_since + key.row.shift, m.t);
        return warm.at > f.at ? warm : f;
    }

    std::unique_ptr<shared> all_;
};

using sqlite_store = basic_sqlite_store<>;

static_assert(counting_store<sqlite_store> && reducible_store<sqlite_store> && tunable_store<sqlite_store> &&
              openable_store<sqlite_store> && listable_store<sqlite_store> && presence_store<sqlite_store>);

}  // namespace weir::sqlite
