// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/admit_arguments.hpp"
#include "weir/ext/redis/detail/key_list.hpp"
#include "weir/ext/redis/detail/key_losses.hpp"
#include "weir/ext/redis/detail/note_sender.hpp"
#include "weir/ext/redis/detail/obstacle.hpp"
#include "weir/ext/redis/detail/presence.hpp"
#include "weir/ext/redis/detail/reap_call.hpp"
#include "weir/ext/redis/detail/server_clock.hpp"
#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/detail/shard.hpp"
#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/detail/slot_state.hpp"
#include "weir/ext/redis/detail/snapshot_reply.hpp"
#include "weir/ext/redis/detail/store_setup.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/topology.hpp"
#include "weir/ext/redis/detail/tuner_call.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/remote/compare_and_swap.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/remote/fork_guard.hpp"
#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/reaping.hpp"
#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/storage/stored_key.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis {

/// Keeps every key's state in a Redis or Valkey server (6.2 or later), so that all processes share one budget. The
/// server may be a primary with replicas, found by Sentinels, or a Cluster, in which each key has one server.
///
/// Each verb is one script on the server and one round trip, by the server's clock. `settle` is written without waiting
/// for the reply. Times on the server are whole microseconds, rounded so that nothing is admitted early.
///
/// **Thread safety.** All members may be called from any thread. Only one verb at a time uses a slot, besides `settle`.
/// **Errors.** `store_error` if a verb was not carried out, or its outcome is unknown. If it made an entry, the next
/// message that arrives takes it back, or it expires.
/// **Lifetime.** It belongs to one process: in a child of `fork()` every verb throws.
class redis_store {
public:
    /// What this process keeps of a key.
    class slot {
    public:
        slot() = default;

    private:
        friend class redis_store;
        std::shared_ptr<detail::slot_state> state_;
    };

    static constexpr bool is_local = false;

    /// The first verb connects, not the constructor.
    ///
    /// **Errors.** `weir::exception` (`errc::bad_configuration`) for options that contradict themselves.
    explicit redis_store(redis_options options)
        : shared_(std::make_unique<shared>(detail::checked(std::move(options)))) {}

    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept { return shared_->time.now(); }
    [[nodiscard]] instant after(instant now) const noexcept { return shared_->time.is_injected() ? now : this->now(); }

    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        slot out;
        out.state_ = std::make_shared<detail::slot_state>();
        const detail::key_names names = detail::names_of(options().prefix, host, role);
        detail::key_address& address = out.state_->address;
        address.parts = detail::key_parts(names);
        detail::append_part(address.tuner_part, names.tuner);
        address.note = detail::note_start(names);
        address.hash_slot = detail::hash_slot(names.head);
        address.windows = detail::windows_name(options().prefix, host, role);
        address.route.home = shared_->servers.of(address).pool.next_home();
        return out;
    }

    // ---- the main verb

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        // Units that count from their admission, without a ceiling, need no entry: a stamp is enough.
        const bool has_entry = cost > 0 && (plan.from_response || plan.max_concurrent > 0);
        entry made{.cost = cost, .stamp = now, .in_flight = true};
        made.state = plan.from_response ? entry_state::open : entry_state::stamped;
        if (has_entry)
            made.id = shared_->ids.next();
        const assessment f = decide(s, plan, cost, now,
                                    !has_entry           ? detail::admit_mode::count
                                    : plan.from_response ? detail::admit_mode::open
                                                         : detail::admit_mode::stamped,
                                    made.id, &made);
        if (!f.admits())
            return f;
        if (cost == 0) {
            out = {.stamp = made.stamp};
            return f;
        }
        s.state_->held.fetch_add(1, std::memory_order_relaxed);
        out = made;
        return f;
    }

    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return decide(s, plan, cost, now, detail::admit_mode::count, 0, nullptr);
    }

    // ---- changes

    /// Written without waiting for the reply; `flush` waits for it. If decisions about the key follow answers within a
    /// millisecond, the answer is part of the next one, or is sent by `tend` after 5 ms. Otherwise it is sent at once.
    /// Over TCP the kernel may hold it back for the next message, 200 ms at most, unless the key has a ceiling. If the
    /// server cannot be reached, the settlement is kept and sent later. It contains the time of the answer, so that the
    /// delay changes nothing.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        require_own_process("settle");
        if (detail::is_stamp(e.id)) {
            if (how == settlement::refunded)
                shared_->notes.refund(s.state_, e.id, e.cost);
        } else if (e.id != 0 && (e.state == entry_state::open || how != settlement::answered)) {
            shared_->notes.settle(s.state_, plan, e, how, now);
        }
        if (settle_entry(e, how, now))
            s.state_->held.fetch_sub(1, std::memory_order_relaxed);
    }

    /// Written like a settlement.
    void reduce(slot& s, const window_plan&, entry& e, std::int64_t cost, instant now) {
        require_own_process("reduce");
        shared_->notes.reduce(s.state_, e.id, cost, std::exchange(e.cost, cost) - cost, now);
    }

    /// Sends every settlement that was not sent yet, and waits for the replies.
    void flush() {
        require_own_process("flush settlements");
        shared_->servers.flush();
    }
    /// Sends the settlements that wait for the next decision, without waiting for the replies: all of them if the
    /// caller `is_idle`, else those that have waited for 5 ms. Returns when to call it again at the latest.
    instant tend(bool is_idle) {
        require_own_process("send settlements");
        return shared_->servers.tend(is_idle);
    }

    [[nodiscard]] bool hold(slot& s, instant until) {
        const double value =
            shared_->time.is_injected() ? shared_->time.injected(until) : detail::microseconds_up(until - now());
        return keep(s, detail::key_verb::hold, value, "hold") != 0;
    }
    void open_gate(slot& s) { keep(s, detail::key_verb::open, 0, "open the gate"); }
    void tune(slot& s, multiplier m) {
        keep(s, detail::key_verb::tune, static_cast<double>(m.millionths()), "tune");
        s.state_->factor = m;
    }
    tuner_state learn(slot& s, tuner_step step) {
        detail::slot_state& key = *s.state_;
        const auto out = remote::compare_and_swap(
            key.tuner, key.factor, step, options().command_timeout,
            [&] { return shared_->time.ahead(shared_->servers.of(key.address).clock); },
            [&](const remote::swap_offer& offer) { return swap(key, offer); });
        if (!out)
            throw store_error{fmt::format("redis: cannot learn at {}: others were faster each time; try again",
                                          detail::server_of(options()))};
        return *out;
    }
    void erase(slot& s, open_entries what = open_entries::keep) {
        keep(s, detail::key_verb::erase, what == open_entries::too ? 1 : 0, "erase");
        s.state_->factor = {};
    }

    // ---- holders

    /// Every verb gives the sign of life that is due. `far_future` under injected time.
    [[nodiscard]] instant next_renewal() const noexcept { return shared_->here.next_renewal(); }
    /// Gives the sign of life that is due, in a round trip of its own. Nothing is due under injected time.
    void renew() {
        if (shared_->here.begin(this->now()))
            shared_->here.hear(ask_presence(shared_->here.argument(), "renew the presence"), this->now());
    }
    /// How many holders lived at the last sign of life, with this one; 0 = not known.
    [[nodiscard]] std::int64_t alive() const noexcept { return shared_->here.book.alive(); }
    /// All holders that the server knows: those that live, and those that died while an entry of theirs may exist.
    [[nodiscard]] std::vector<holder_info> holders() {
        auto said = holder_records();
        return shared_->here.infos_of(std::move(said.holders), said.now);
    }

    // ---- queries

    /// All keys below the prefix. It needs the commands SCAN and GET, and a round trip for each key and for each
    /// thousand names on the server. If a Cluster moves a key meanwhile, the key may be there twice or not at all.
    [[nodiscard]] std::vector<stored_key> keys() {
        require_own_process("list keys");
        std::vector<stored_key> out;
        shared_->servers.run_on_all([&](detail::session& session) {
            for (stored_key& key : detail::list_keys(session, options().prefix))
                out.push_back(std::move(key));
        });
        return out;
    }

    /// The factor as of the slot's last verb.
    [[nodiscard]] multiplier factor(const slot& s) const { return s.state_->factor; }

    /// `bytes` is 0, because the log is on the server.
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        std::vector<double> args{detail::number(detail::key_verb::read), shared_->time.argument(now), 0};
        for (const window& w : plan.windows)
            args.push_back(shared_->time.span(w.period));
        const std::string got = call(*s.state_, detail::script::keep, args, {}, "read");
        auto read = detail::snapshot_of(got, plan, shared_->time, this->now());
        if (!read)
            bad_reply("read");
        s.state_->factor = read->factor;
        return *std::move(read);
    }

    /// Whether this process has no open entry of the key. Everything else is on the server.
    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant) const {
        return s.state_->held.load(std::memory_order_relaxed) <= 0;
    }

    /// When an entry was counted by the server's clock, since 1970; nothing if it counts from its response or is under
    /// a ceiling.
    [[nodiscard]] static std::optional<std::chrono::microseconds> counted_at(const entry& e) noexcept {
        if (!detail::is_stamp(e.id))
            return std::nullopt;
        return std::chrono::microseconds{static_cast<std::int64_t>(detail::stamp_of(e.id))};
    }

    /// How many losses of the server's history this process has seen.
    [[nodiscard]] std::uint64_t losses() const noexcept {
        std::uint64_t sum = shared_->lost.count();
        shared_->servers.for_each([&](const detail::shard& one) { sum += one.losses.losses(); });
        return sum;
    }
    /// The next notice: a loss of history, or a warning. Each is returned once.
    [[nodiscard]] std::optional<store_notice> take_notice() { return shared_->servers.notices().take(); }
    [[nodiscard]] const redis_options& options() const noexcept { return shared_->options; }

private:
    struct shared {
        explicit shared(redis_options o) : options(std::move(o)) { here.address(presence_key.address); }
        const redis_options options;
        detail::topology servers{&options};
        remote::entry_ids ids;
        detail::presence here{options, ids.holder()};
        remote::holder_watch others;
        std::mutex presence_mutex;
        detail::slot_state presence_key;  // the mutex guards it
        detail::time_scale time{&options};
        detail::key_losses lost{&options, &time};
        detail::note_sender notes{&servers, &time};
        remote::fork_guard owner;

        shared(const shared&) = delete;
        shared& operator=(const shared&) = delete;
        ~shared() {
            // What the store does not know now would stay open until it expires.
            if (!owner.is_own() || !servers.holds())
                return;
            try {
                servers.flush();
            } catch (const std::exception&) {
                // It expires.
            }
        }
    };

    void require_own_process(std::string_view what) const { shared_->owner.require("redis", what); }
    [[nodiscard]] std::string ask_presence(std::string_view argument, std::string_view what) const {
        const std::lock_guard guard{shared_->presence_mutex};
        return call(shared_->presence_key, detail::script::presence, {}, argument, what);
    }
    [[nodiscard]] detail::presence_reply holder_records() {
        renew();
        if (auto said = detail::presence_reply_of(ask_presence({}, "list the holders")))
            return *std::move(said);
        bad_reply("list the holders");
    }
    [[noreturn]] void bad_reply(std::string_view what) const {
        throw store_error{fmt::format("redis: cannot {} at {}: the reply is not what the script returns; is another "
                                      "version of weir using this prefix?",
                                      what, detail::server_of(options()))};
    }

    // ---- steps

    [[nodiscard]] std::string call(detail::slot_state& key, detail::script which, std::span<const double> args,
                                   std::string_view tail, std::string_view what) const {
        require_own_process(what);
        return shared_->servers.run(key, false, [&](detail::shard&, detail::session& session) {
            bool sent = false;
            return std::string{detail::text_of(*session.call(which, key.address, args, tail, what, sent))};
        });
    }

    /// Decides. Entries of dead processes that stand in the way are ended. `made` gets the stamp, unless it is null.
    [[nodiscard]] assessment decide(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                    detail::admit_mode how, std::uint64_t id, entry* made) {
        const assessment f = decide_once(s, plan, cost, now, how, id, made);
        if (!remote::may_be_held(f, plan, this->now())) [[likely]]
            return f;
        return remote::decide_without_dead(
            shared_->here, shared_->others, s.state_->reaped, shared_->servers.notices(), "redis", plan, f, this->now(),
            [&] { return holder_records(); },
            [&](std::span<const remote::dead_holder> dead) {
                const auto args = detail::reap_arguments(shared_->time.no_argument(), dead);
                auto said = detail::reap_reply_of(call(*s.state_, detail::script::reap, args, {}, "end entries"));
                if (!said)
                    bad_reply("end entries");
                return *std::move(said);
            },
            [&] { return decide_once(s, plan, cost, now, how, id, made); });
    }
    [[nodiscard]] assessment decide_once(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                         detail::admit_mode how, std::uint64_t id, entry* made) {
        detail::slot_state& key = *s.state_;
        require_own_process("admit");
        if (cost > plan.max_cost && plan.enforce) [[unlikely]]
            return weir::detail::never(plan, cost);
        const assessment warm = shared_->lost.warming(shared_->servers.of(key.address), key, plan, cost, now);
        if (!warm.admits() && plan.enforce)
            return warm;
        const detail::admit_call call = call_of(key, plan, cost, now, how, id);
        const assessment out = shared_->servers.run(key, true, [&](detail::shard& at, detail::session& session) {
            return decide_at(at, session, s, plan, cost, now, how, id, call, made);
        });
        if (shared_->servers.is_cluster())
            renew_by_itself();
        return out;
    }
    /// In a Cluster one server has the list of holders. So a sign of life is a round trip of its own.
    void renew_by_itself() {
        try {
            renew();
        } catch (const store_error&) {
            shared_->here.book.failed(this->now());
        }
    }
    /// If the last decision left credit, the call asks for an admission by credit, which does not prolong the life of
    /// the head.
    [[nodiscard]] detail::admit_call call_of(detail::slot_state& key, const window_plan& plan, std::int64_t cost,
                                             instant now, detail::admit_mode how, std::uint64_t id) {
        key.heat.decides(now);
        const double lives = key.born != 0 ? key.lives.load(std::memory_order_relaxed) : detail::unknown;
        bool swift = key.has_credit && cost == 1;
        double at = 0;
        if (swift) {
            at = shared_->notes.time_of(key, now);
            const duration ttl = how == detail::admit_mode::open ? options().entry_ttl : duration::zero();
            swift = at + shared_->time.span(plan.kept.longest) + shared_->time.span(ttl) <= lives &&
                    (shared_->time.is_injected() || shared_->servers.of(key.address).clock.is_fresh());
        }
        detail::admit_call out{
            detail::admit_arguments(shared_->time, plan, cost, now, how, options().entry_ttl, lives, swift), at, lives};
        if (swift && how == detail::admit_mode::open)
            detail::append_note(out.note, id, at, detail::note_kind::opened);
        return out;
    }
    [[nodiscard]] assessment decide_at(detail::shard& at, detail::session& session, slot& s, const window_plan& plan,
                                       std::int64_t cost, instant now, detail::admit_mode how, std::uint64_t id,
                                       const detail::admit_call& call, entry* made) {
        detail::slot_state& key = *s.state_;
        bool sent = false;
        detail::reply got;
        const auto asked = detail::server_clock::here();
        if (!shared_->servers.is_cluster() && shared_->here.begin(now))
            session.renew_with_next(shared_->here);
        try {
            const auto name = detail::bytes_of(id);
            got = session.call(detail::script::admit, key.address, call.args.all(),
                               {name.data(), id != 0 ? name.size() : 0}, "admit", sent, call.note);
        } catch (const store_error&) {
            // The entry may have been made, and will not be used.
            if (sent && id != 0)
                shared_->notes.take_back(s.state_, id, now);
            throw;
        }
        const std::string_view text = detail::text_of(*got);
        if (got->type == REDIS_REPLY_STRING && text.size() == detail::denied_bytes)
            return denied(at, key, plan, cost, text, asked, now);
        const bool is_by_credit = got->type == REDIS_REPLY_INTEGER;
        const auto head = is_by_credit ? detail::credited(call.at, static_cast<double>(got->integer), call.lives)
                                       : detail::admitted_of(text, call.lives);
        if (!head)
            bad_reply("admit");
        if (!is_by_credit)
            at.clock.learn(head->t, asked);
        shared_->lost.remember(at, session, key, *head,
                               shared_->time.span(plan.kept.longest) + shared_->time.span(options().entry_ttl));
        if (text.size() >= detail::brief_bytes && !shared_->time.is_injected())
            detail::note_windows(session, key, plan, plan.kept.longest + options().entry_ttl, now);
        // This very call may have detected a loss, or another one during it.
        const assessment warm = shared_->lost.warming(at, key, plan, cost, now);
        if (!warm.admits() && plan.enforce) {
            if (id != 0)
                shared_->notes.take_back(s.state_, id, now);
            return warm;
        }
        const instant here = shared_->time.is_injected() ? shared_->time.local(head->t, head->t, now) : now;
        assessment f = head->obstacle.empty() ? assessment{here, cause::none, 0}
                                              : detail::obstacle_of(head->obstacle, plan, head->t, shared_->time);
        if (!warm.admits() && warm.at > f.at)
            f = warm;
        if (cost > plan.max_cost) [[unlikely]]
            f = weir::detail::never(plan, cost);
        f.passed = !f.admits();
        f.is_new = !is_by_credit && head->is_whole && head->born == head->t;
        if (made != nullptr) {
            made->stamp = here;
            if (how == detail::admit_mode::count)
                made->id = detail::id_of_stamp(head->t);
        }
        return f;
    }

    /// The assessment of a reply that admits nothing.
    [[nodiscard]] assessment denied(detail::shard& at, detail::slot_state& key, const window_plan& plan,
                                    std::int64_t cost, std::string_view text, std::int64_t asked, instant now) {
        const double t = detail::double_at(text, 4);
        key.factor = detail::factor_of(detail::double_at(text, 5));
        key.has_credit = false;
        at.clock.learn(t, asked);
        assessment f = detail::obstacle_of(text, plan, t, shared_->time);
        if (f.cause == cause::none)
            f.at = shared_->time.is_injected() ? shared_->time.local(t, t, now) : now;
        // Only a request without cost passes without an entry.
        f.passed = cost == 0 && !f.admits() && !plan.enforce;
        return f;
    }

    double keep(slot& s, detail::key_verb what, double value, std::string_view name) {
        // Under injected time a gate is absolute.
        const std::array<double, 3> args{detail::number(what), shared_->time.no_argument(), value};
        const std::string got = call(*s.state_, detail::script::keep, args, {}, name);
        if (got.size() != 8)
            bad_reply(name);
        return detail::double_at(got, 0);
    }

    // ---- the tuner's state: its times are the server's, in nanoseconds

    [[nodiscard]] remote::swap_reply swap(detail::slot_state& key, const remote::swap_offer& offer) {
        const auto [args, tail] = detail::tuner_call_of(offer, shared_->time.no_argument());
        const auto asked = detail::server_clock::here();
        auto said = detail::tuner_reply_of(call(key, detail::script::learn, args, tail, "learn"));
        if (!said)
            bad_reply("learn");
        shared_->servers.of(key.address).clock.learn(said->t, asked);
        key.factor = said->answer.factor;
        return std::move(said->answer);
    }

    std::unique_ptr<shared> shared_;
};

static_assert(counting_store<redis_store> && reducible_store<redis_store> && tunable_store<redis_store> &&
              openable_store<redis_store> && listable_store<redis_store> && presence_store<redis_store>);

}  // namespace weir::redis
