// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/checked_options.hpp"
#include "weir/ext/postgres/detail/key_list.hpp"
#include "weir/ext/postgres/detail/loss_watch.hpp"
#include "weir/ext/postgres/detail/obstacle.hpp"
#include "weir/ext/postgres/detail/presence.hpp"
#include "weir/ext/postgres/detail/reap_call.hpp"
#include "weir/ext/postgres/detail/requests.hpp"
#include "weir/ext/postgres/detail/session.hpp"
#include "weir/ext/postgres/detail/settlement_to_post.hpp"
#include "weir/ext/postgres/detail/slot_state.hpp"
#include "weir/ext/postgres/detail/sweeper.hpp"
#include "weir/ext/postgres/detail/time_scale.hpp"
#include "weir/ext/postgres/detail/warming.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/remote/compare_and_swap.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/remote/fork_guard.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/own_presence.hpp"
#include "weir/storage/remote/reaping.hpp"
#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/storage/stored_key.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::postgres {

/// Keeps every key's state in a Postgres database (14 or later), so that all processes share one budget.
///
/// A decision is one round trip, one transaction and at most one written row, by the server's clock. A denial writes
/// nothing. `settle` is sent without waiting for the reply. A window of more than 1,048,576 units reads that many
/// stamps exactly. For older units it uses the newest dropped stamp, so admissions are late and never too many.
///
/// **Preconditions.** Each connection has its own session: no pooler that assigns sessions by transaction.
/// **Thread safety.** All members may be called from any thread. Only one verb at a time uses a slot, besides `settle`.
/// **Errors.** `store_error` if a verb was not carried out, or its outcome is unknown. If it made an entry, the next
/// connection takes it back, or it expires.
/// **Lifetime.** It belongs to one process: in a child of `fork()` every verb throws.
class postgres_store {
public:
    /// What this process keeps of a key.
    class slot {
    public:
        slot() = default;

    private:
        friend class postgres_store;
        std::shared_ptr<detail::slot_state> state_;
    };

    static constexpr bool is_local = false;

    /// The first verb connects, not the constructor.
    ///
    /// **Errors.** `weir::exception` (`errc::bad_configuration`) for options that contradict themselves.
    explicit postgres_store(postgres_options options)
        : shared_(std::make_unique<shared>(detail::checked(std::move(options)))) {}

    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept { return shared_->time.now(); }
    [[nodiscard]] instant after(instant now) const noexcept { return shared_->time.is_injected() ? now : this->now(); }

    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        slot out;
        out.state_ = std::make_shared<detail::slot_state>(host, role, shared_->pool.next_home());
        return out;
    }

    // ---- the main verb

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        using detail::admit_mode;
        // Units that count from their admission, without a ceiling, need no entry: a stamp is enough.
        const bool has_entry = cost > 0 && (plan.from_response || plan.max_concurrent > 0);
        const admit_mode how = cost == 0            ? admit_mode::uncounted
                               : plan.from_response ? admit_mode::open
                               : has_entry          ? admit_mode::stamped_entry
                                                    : admit_mode::stamped;
        const auto id = has_entry ? static_cast<std::int64_t>(shared_->ids.next()) : 0;
        std::int64_t stamp = 0;
        const assessment f = decide(s, plan, cost, now, how, id, stamp);
        if (!f.admits())
            return f;
        entry made{.stamp = options().injected_time ? instant{duration{stamp}} : now};
        if (cost > 0) {
            made.cost = cost;
            made.state = plan.from_response ? entry_state::open : entry_state::stamped;
            made.in_flight = true;
            // A refund of units without an entry needs their stamp on the server.
            made.id =
                has_entry ? static_cast<std::uint64_t>(id) : detail::stamp_mark | static_cast<std::uint64_t>(stamp);
            s.state_->held.fetch_add(1, std::memory_order_relaxed);
        }
        out = made;
        return f;
    }

    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        std::int64_t stamp = 0;
        return decide(s, plan, cost, now, cost == 0 ? detail::admit_mode::uncounted : detail::admit_mode::stamped, 0,
                      stamp);
    }

    // ---- changes

    /// Sent without waiting for the reply; `flush` waits for it. If the server cannot be reached, the settlement is
    /// kept and sent later. It contains how long ago the answer came, so that the delay changes nothing.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        require_own_process("settle");
        const bool bare = (e.id & detail::stamp_mark) != 0;
        const bool matters =
            e.id != 0 && e.state != entry_state::free &&
            (bare ? how == settlement::refunded : e.state == entry_state::open || how != settlement::answered);
        if (matters)
            post_settlement(s, plan, e, how, now);
        if (settle_entry(e, how, now))
            s.state_->held.fetch_sub(1, std::memory_order_relaxed);
    }

    /// Sent like a settlement.
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        require_own_process("reduce");
        if ((e.id & detail::stamp_mark) != 0)
            post(s, plan, static_cast<std::int64_t>(e.id & ~detail::stamp_mark), detail::settle_verb::refund_stamp,
                 e.cost - cost, now);
        else
            post(s, plan, static_cast<std::int64_t>(e.id), detail::settle_verb::lower, cost, now);
        e.cost = cost;
    }

    /// Sends every settlement that was not sent yet, and waits for the replies.
    void flush() {
        require_own_process("flush settlements");
        shared_->pool.flush();
    }

    [[nodiscard]] bool hold(slot& s, instant until) {
        const auto said = ask(s, detail::verb::hold, "hold", 3, [&](detail::parameter_list& values) {
            if (options().injected_time) {
                values.number(until.time_since_epoch().count());
                values.number(0);
            } else {
                values.nothing();
                values.number((until - now()).count());
            }
        });
        return said[2] != 0;
    }
    void open_gate(slot& s) {
        static_cast<void>(ask(s, detail::verb::open_gate, "open the gate", 2, [](detail::parameter_list&) {}));
    }
    void tune(slot& s, multiplier m) {
        static_cast<void>(ask(s, detail::verb::tune, "tune", 2,
                              [&](detail::parameter_list& values) { values.number(m.millionths()); }));
        s.state_->factor.store(m.millionths());
    }
    tuner_state learn(slot& s, tuner_step step) {
        detail::slot_state& key = *s.state_;
        const auto out = remote::compare_and_swap(
            key.tuner, multiplier::of_millionths(key.factor.load()), step, options().command_timeout,
            [&] { return options().injected_time ? duration::zero() : key.ahead(); },
            [&](const remote::swap_offer& offer) { return swap(s, offer); });
        if (!out)
            throw detail::failed("learn", shared_->pool.server(), "others were faster each time", "try again");
        return *out;
    }
    void erase(slot& s, open_entries what = open_entries::keep) {
        static_cast<void>(
            ask(s, detail::verb::erase, "erase", 2, [&](auto& values) { values.number(static_cast<int>(what)); }));
        s.state_->factor.store(multiplier::one);
    }

    /// Forgets up to `limit` idle keys, and returns how many it found. Decisions also do this, about 300 keys a second
    /// for each process. Call it to have it earlier. `from` is where to continue; it is 0 at the beginning and at the
    /// end.
    std::int64_t sweep(std::int64_t& from, std::int64_t limit = 1000) {
        require_own_process("sweep");
        const remote::key_route none;
        const auto session = shared_->pool.borrow(none);
        detail::parameter_list values;
        values.number(from);
        values.number(limit);
        const auto said = call(*session, detail::verb::sweep, "sweep", values);
        if (said.size() != 2)
            bad_reply("sweep");
        from = said[0];
        return said[1];
    }

    // ---- holders

    /// Every verb gives the sign of life that is due. `far_future` under injected time.
    [[nodiscard]] instant next_renewal() const noexcept { return shared_->here.next_renewal(); }
    /// Gives the sign of life that is due, in a round trip of its own. Nothing is due under injected time.
    void renew() {
        require_own_process("renew the presence");
        if (!shared_->here.is_due(this->now()))
            return;
        const remote::key_route none;
        const auto session = shared_->pool.borrow(none);
        session->renew_if_due();
        static_cast<void>(session->await());
    }
    /// How many holders lived at the last sign of life, with this one; 0 = not known.
    [[nodiscard]] std::int64_t alive() const noexcept { return shared_->here.book.alive(); }
    /// All holders that the server knows: those that live, and those that died while an entry of theirs may exist.
    [[nodiscard]] std::vector<holder_info> holders() {
        require_own_process("list the holders");
        auto said = holder_records();
        return shared_->here.infos_of(std::move(said.holders), said.now);
    }

    // ---- queries

    /// All keys in the schema, by one statement on a connection of its own.
    [[nodiscard]] std::vector<stored_key> keys() const { return detail::list_keys(options(), shared_->server); }

    /// The factor as of this process's last verb on the key.
    [[nodiscard]] multiplier factor(const slot& s) const { return multiplier::of_millionths(s.state_->factor.load()); }

    /// `bytes` is 0, because the log is on the server.
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        const auto said =
            ask(s, detail::verb::read, "read", 8 + plan.windows.size(), [&](detail::parameter_list& values) {
                shared_->time.put(values, now);
                values.numbers(plan.windows.size());
                for (const window& w : plan.windows)
                    values.element(w.period.count());
                values.number(detail::kept(plan, 0));
                values.number(plan.kept.longest.count());
            });
        s.state_->factor.store(said[3]);
        const instant here = after(now);
        const multiplier factor = multiplier::of_millionths(said[3]);
        key_snapshot out{{},      said[4],
                         said[5], shared_->time.local(said[6], said[2], here),
                         factor,  shared_->time.local(said[7], said[2], here),
                         0};
        for (std::size_t i = 0; i < plan.windows.size(); ++i)
            out.windows.push_back({plan.shown[i], plan.windows[i].limit, plan.windows[i].period, said[8 + i]});
        return out;
    }

    /// Whether this process has no open entry of the key. Everything else is on the server.
    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant) const {
        return s.state_->held.load(std::memory_order_relaxed) <= 0;
    }

    /// When an entry was counted by the server's clock, since 1970; nothing if it counts from its response or is under
    /// a ceiling.
    [[nodiscard]] static std::optional<std::chrono::microseconds> counted_at(const entry& e) noexcept {
        if ((e.id & detail::stamp_mark) == 0)
            return std::nullopt;
        return std::chrono::floor<std::chrono::microseconds>(
            duration{static_cast<std::int64_t>(e.id & ~detail::stamp_mark)});
    }

    /// How many losses of the server's history this process has seen.
    [[nodiscard]] std::uint64_t losses() const noexcept { return shared_->losses.losses(); }
    /// The next notice: a loss of history, or a warning. Each is returned once.
    [[nodiscard]] std::optional<store_notice> take_notice() { return shared_->losses.notices().take(); }
    [[nodiscard]] const postgres_options& options() const noexcept { return shared_->options; }

private:
    using pool_type = remote::session_pool<detail::session>;

    struct shared {
        explicit shared(postgres_options o)
            : options(std::move(o)), server(detail::server_of(options.connection)), losses(server),
              here(ids.holder(), options.holder_ttl, options.entry_ttl, options.holder_host, options.injected_time),
              pool(detail::pool_of(options, server), {}, &options, server, &losses, &here) {}
        const postgres_options options;
        const std::string server;
        detail::loss_watch losses;
        remote::entry_ids ids;
        remote::own_presence here;
        remote::holder_watch others;
        pool_type pool;
        detail::sweeper sweeps;
        detail::time_scale time{&options};
        remote::fork_guard owner;
    };

    void require_own_process(std::string_view what) const { shared_->owner.require("postgres", what); }
    [[noreturn]] void bad_reply(std::string_view what) const {
        throw detail::failed(what, shared_->pool.server(), "the reply is not what the function returns",
                             "is another version of weir using this schema? Name another weir_schema");
    }

    // ---- steps

    /// Decides. Entries of dead processes that stand in the way are ended. `stamp` gets the server's time of the stamp.
    [[nodiscard]] assessment decide(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                    detail::admit_mode how, std::int64_t id, std::int64_t& stamp) {
        const assessment f = decide_once(s, plan, cost, now, how, id, stamp);
        if (!remote::may_be_held(f, plan, after(now))) [[likely]]
            return f;
        return remote::decide_without_dead(
            shared_->here, shared_->others, s.state_->reaped, shared_->losses.notices(), "postgres", plan, f,
            this->now(), [&] { return holder_records(); },
            [&](std::span<const remote::dead_holder> dead) {
                const auto said = ask(s, detail::verb::reap, "end entries", 3,
                                      [&](detail::parameter_list& values) { detail::put_reap(values, plan, dead); });
                auto reply = detail::reap_reply_of(said);
                if (!reply)
                    bad_reply("end entries");
                return *std::move(reply);
            },
            [&] { return decide_once(s, plan, cost, now, how, id, stamp); });
    }
    [[nodiscard]] assessment decide_once(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                         detail::admit_mode how, std::int64_t id, std::int64_t& stamp) {
        require_own_process("admit");
        if (cost > plan.max_cost && plan.enforce) [[unlikely]]
            return weir::detail::never(plan, cost);
        detail::slot_state& key = *s.state_;
        const auto session = shared_->pool.borrow(key.route);
        assessment warm = detail::warming(options(), shared_->losses, plan, cost, now);
        if (!warm.admits() && plan.enforce)
            return warm;
        using detail::verb;
        const verb which = !plan.enforce                                     ? verb::admit
                           : how == detail::admit_mode::open                 ? verb::open
                           : how == detail::admit_mode::stamped && cost == 1 ? verb::stamp
                                                                             : verb::admit;
        std::vector<std::int64_t> said;
        try {
            said = ask_by(*session, key, which, "admit", 2, [&](detail::parameter_list& values) {
                shared_->time.put(values, now);
                detail::put_request(values, which, plan, cost, how, id, options().entry_ttl);
            });
        } catch (const store_error&) {
            // If the server refused, nothing was done. Otherwise the entry may have been made, and will not be used.
            if (id != 0 && !session->is_open())
                take_back(s, plan, id, now);
            throw;
        }
        for (const std::int64_t lost : key.take_lost())
            take_back(s, plan, lost, now);
        if (!options().injected_time)
            shared_->sweeps.after_verb(*session, now);
        // This very call may have detected a loss. A stamp without an entry stays, and its units count.
        warm = detail::warming(options(), shared_->losses, plan, cost, now);
        if (!warm.admits() && plan.enforce) {
            if (id != 0)
                take_back(s, plan, id, now);
            return warm;
        }
        const bool is_short = said.size() == 2;
        key.factor.store(said[is_short ? 1 : 3]);
        stamp = said[is_short ? 0 : 2];
        key.heard(stamp, now);
        const instant here = options().injected_time ? instant{duration{stamp}} : now;
        assessment f = said.size() < 8 ? assessment{here, cause::none, 0}
                                       : detail::obstacle_of(said, plan, after(now), shared_->time);
        if (!warm.admits() && warm.at > f.at)
            f = warm;
        if (cost > plan.max_cost) [[unlikely]]
            f = weir::detail::never(plan, cost);
        f.passed = !f.admits() && !plan.enforce;
        return f;
    }

    [[nodiscard]] remote::swap_reply swap(slot& s, const remote::swap_offer& offer) {
        const instant asked = now();
        const auto said = ask(s, detail::verb::learn, "learn", 5, [&](detail::parameter_list& values) {
            values.number(offer.seen_factor.millionths());
            values.numbers(offer.seen);
            values.number(offer.next_factor.millionths());
            values.numbers(offer.next);
        });
        remote::tuner_record record{said.begin() + 5, said.end()};
        if (!remote::is_well_formed(record))
            bad_reply("learn");
        s.state_->heard(said[3], asked);
        s.state_->factor.store(said[4]);
        return {said[2] != 0, multiplier::of_millionths(said[4]), std::move(record)};
    }

    void post(slot& s, const window_plan& plan, std::int64_t entry, detail::settle_verb how, std::int64_t argument,
              instant now) {
        const std::int64_t units = how == detail::settle_verb::abandoned ? 0 : argument;
        shared_->pool.post({s.state_, s.state_->id.load(), entry, how, argument, now, detail::kept(plan, units),
                            plan.kept.longest.count(), s.state_->take_ended()});
    }
    void post_settlement(slot& s, const window_plan& plan, const entry& e, settlement how, instant now) {
        if (const auto what = detail::settlement_to_post(*s.state_, plan, e, how))
            post(s, plan, what->entry, what->how, what->argument, now);
    }
    /// Takes back an entry that will not be used, if it was made. It is remembered while the key's number is not known.
    void take_back(slot& s, const window_plan& plan, std::int64_t entry, instant now) {
        if (s.state_->id.load() == 0)
            s.state_->leave_lost(entry);
        else
            post(s, plan, entry, detail::settle_verb::refunded, 1, now);
    }

    /// One round trip for a key: by its number, or by its names while the number is not known.
    template <class Fill>
    std::vector<std::int64_t> ask(slot& s, detail::verb which, std::string_view what, std::size_t min, Fill&& fill) {
        require_own_process(what);
        const auto session = shared_->pool.borrow(s.state_->route);
        return ask_by(*session, *s.state_, which, what, min, fill);
    }
    template <class Fill>
    std::vector<std::int64_t> ask_by(detail::session& session, detail::slot_state& key, detail::verb which,
                                     std::string_view what, std::size_t min, Fill&& fill) {
        const std::uint64_t generation = shared_->losses.generation();
        bool by_number = key.id.load() != 0 && key.generation.load() == generation;
        for (;; by_number = false) {
            detail::parameter_list values;
            if (by_number) {
                values.number(key.id.load());
                values.nothing();
                values.nothing();
            } else {
                values.number(0);
                values.bytes(key.host);
                values.bytes(key.role);
            }
            fill(values);
            std::vector<std::int64_t> said = call(session, which, what, values);
            // The key is gone, and nothing happened. Either it was forgotten as idle, or its schema is gone.
            if (by_number && said.size() == 1) {
                detail::parameter_list relaxed;
                relaxed.number(options().synchronous_commit ? 0 : 1);
                if (const auto hello = detail::greeting_of(call(session, detail::verb::hello, what, relaxed)))
                    shared_->losses.greeted(*hello);
                continue;
            }
            if (said.size() < min)
                bad_reply(what);
            if (!by_number) {
                key.id.store(said[1]);
                key.generation.store(generation);
            }
            return said;
        }
    }
    std::vector<std::int64_t> call(detail::session& session, detail::verb which, std::string_view what,
                                   detail::parameter_list& values) const {
        session.renew_if_due();
        if (!session.is_open() || !session.send(which, values))
            throw detail::failed(what, shared_->pool.server(), "the connection ended before the request left",
                                 "try again");
        return session.await();
    }

    [[nodiscard]] detail::presence_reply holder_records() const {
        const remote::key_route none;
        const auto session = shared_->pool.borrow(none);
        detail::parameter_list values;
        auto said = detail::presence_reply_of(call(*session, detail::verb::holders, "list the holders", values));
        if (!said)
            bad_reply("list the holders");
        return *std::move(said);
    }

    std::unique_ptr<shared> shared_;
};

static_assert(counting_store<postgres_store> && reducible_store<postgres_store> && tunable_store<postgres_store> &&
              openable_store<postgres_store> && listable_store<postgres_store> && presence_store<postgres_store>);

}  // namespace weir::postgres
