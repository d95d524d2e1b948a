// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/key_record.hpp"
#include "weir/ext/postgres/detail/pool.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Keeps every key's state in a Postgres database, so that all who use its schema share one budget. A decision is one
/// round trip, one transaction and at most one written row; a denial writes nothing.
///
/// Decides by the server's clock; instants given and returned are on this process's steady clock. Windows of more than
/// 1,048,576 units see that many stamps exactly, and beyond them the newest that was dropped: late, never over.
///
/// **Preconditions.** A session of one's own on each connection: not a pooler that hands them out by transaction.
/// **Thread safety.** Full; verbs on one slot one at a time, `settle` beside anything.
/// **Errors.** `store_error`. A verb whose reply was lost may have been carried out: its entry is given up as soon as
/// there is a connection, or expires.
/// **Lifetime.** After `fork()` the child's verbs throw: make a store after the fork. Copies share the connections.
class postgres_store {
public:
    using slot = std::shared_ptr<detail::pg_key>;
    static constexpr bool is_local = false;

    /// Does not connect: the first verb does.
    explicit postgres_store(postgres_options options) : pool_(std::make_shared<detail::pg_pool>(std::move(options))) {}

    [[nodiscard]] instant now() const noexcept { return steady_clock{}.now(); }
    [[nodiscard]] const postgres_options& options() const noexcept { return pool_->options; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        return std::make_shared<detail::pg_key>(host, role, pool_->next_home());
    }

    // ---- the main verb

    template <class Place>
    [[nodiscard]] forecast admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, Place&& place,
                                 entry& out) {
        if (cost > 0 && !place.take())
            return {now, cause::inflight, 0};
        const bool has_entry = plan.from_response || plan.max_concurrent > 0;
        const mode how = cost == 0            ? mode::uncounted
                         : plan.from_response ? mode::open
                         : has_entry          ? mode::stamped_entry
                                              : mode::stamped;
        const std::int64_t id = has_entry ? next_entry() : 0;
        try {
            std::int64_t stamp = 0;
            const forecast f = decide(s, plan, cost, now, how, id, stamp);
            if (!f.admits()) {
                if (cost > 0)
                    place.give_back();
                return f;
            }
            out = {};
            out.stamp = now;
            if (cost == 0)
                return f;
            out.cost = cost;
            // Without an entry in the server, its stamp there is what a refund needs.
            out.id = has_entry ? static_cast<std::uint64_t>(id) : stamp_bit | static_cast<std::uint64_t>(stamp);
            out.state = plan.from_response ? entry_state::open : entry_state::stamped;
            out.in_flight = true;
            s->held.fetch_add(1);
            return f;
        } catch (...) {
            if (cost > 0)
                place.give_back();
            throw;
        }
    }

    /// `admit` for callers that hold no permit: the units count from now, and no in-flight place is taken.
    [[nodiscard]] forecast count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        std::int64_t stamp = 0;
        return decide(s, plan, cost, now, cost == 0 ? mode::uncounted : mode::stamped, 0, stamp);
    }

    /// The last denial while it lies ahead, else now: what can be said without asking.
    template <class Ahead>
    [[nodiscard]] forecast foresee(const slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                   const Ahead&) const {
        const forecast f = s->foresee(plan, now);
        return cost == 0 && f.why != cause::gate ? forecast{now, cause::none, 0} : f;
    }

    /// Sent and not waited for; sent again after a lost connection, which changes nothing if it had arrived.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) noexcept {
        const bool bare = (e.id & stamp_bit) != 0;
        if (e.id == 0 || (how == settlement::answered && (bare || e.state != entry_state::open))) {
            if (how != settlement::answered)
                e = {};
            return;
        }
        if (how == settlement::refunded)
            s->forget();
        if (pool_->is_ours() && (!bare || how == settlement::refunded))
            pool_->settle({s, s->id.load(), static_cast<std::int64_t>(e.id & ~stamp_bit),
                           bare ? 3 : static_cast<std::int64_t>(how), e.cost, now, kept(plan), longest(plan)});
        if (how == settlement::answered) {
            e.stamp = now;
            e.state = entry_state::stamped;
            return;
        }
        s->held.fetch_sub(1);
        e = {};
    }

    // ---- changes

    [[nodiscard]] bool hold(slot& s, instant until) {
        const auto said = ask(*s, detail::pg_verb::hold, 3, [&](detail::pg_parameters_list& values) {
            if (injected()) {
                values.number(until.time_since_epoch().count());
                values.number(0);
            } else {
                values.nothing();
                values.number((until - now()).count());
            }
        });
        return said[2] != 0;
    }
    void tune(slot& s, multiplier m) {
        static_cast<void>(ask(*s, detail::pg_verb::tune, 2,
                              [&](detail::pg_parameters_list& values) { values.number(m.millionths()); }));
        s->factor.store(m.millionths());
        s->forget();
    }
    /// As of the last verb on this key.
    [[nodiscard]] multiplier factor(const slot& s) const { return factor_of(s->factor.load()); }

    void erase(slot& s) {
        static_cast<void>(ask(*s, detail::pg_verb::erase, 2, [](detail::pg_parameters_list&) {}));
        s->factor.store(multiplier::one);
        s->forget();
    }

    /// Sends the settlements that wait, and awaits that they are done.
    void flush() {
        pool_->check_fork();
        pool_->flush();
    }

    /// Forgets up to `limit` keys that decide nothing any more, and says how many it found. Decisions do this on the
    /// side, some 300 keys a second; this is for those who want it sooner. `from` is where to go on, 0 at the begin and
    /// the end.
    std::int64_t sweep(std::int64_t& from, std::int64_t limit = 1000) {
        pool_->check_fork();
        const detail::pg_key nobody{"", "", 0};
        const detail::pg_pool::held link{*pool_, pool_->take(nobody)};
        pool_->ready(link);
        detail::pg_parameters_list values;
        values.number(from);
        values.number(limit);
        bool sent = false;
        const auto said = call(link, detail::pg_verb::sweep, values, sent);
        if (said.size() != 2)
            throw store_error("postgres: the server could not sweep; see its log");
        from = said[0];
        return said[1];
    }

    // ---- queries

    [[nodiscard]] reading read(const slot& s, const window_plan& plan, instant now) const {
        const auto said =
            ask(*s, detail::pg_verb::read, 8 + plan.windows.size(), [&](detail::pg_parameters_list& values) {
                put_now(values, now);
                values.numbers(plan.windows.size());
            for (const window& w : plan.windows)
                values.element(w.period.count());
            values.number(kept(plan));
                values.number(longest(plan));
            });
        s->factor.store(said[3]);
        reading out{
            {}, said[4], said[5], local(said[6], said[2], now), factor_of(said[3]), local(said[7], said[2], now), 0};
        for (std::size_t i = 0; i < plan.windows.size(); ++i)
            out.windows.push_back({plan.shown[i], plan.windows[i].limit, plan.windows[i].period, said[8 + i]});
        return out;
    }

    /// Whether this process may forget the slot: nothing of its own is open, on its way or worth remembering.
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        return s->held.load() == 0 && s->unsettled.load() == 0 && s->foresee(plan, now).admits();
    }

private:
    enum class mode : std::int64_t { stamped, stamped_entry, open, uncounted };

    static constexpr std::uint64_t stamp_bit = std::uint64_t{1} << 63;
    static constexpr std::int64_t most_kept = 1'048'576;
    static constexpr duration sweep_pause = std::chrono::milliseconds{200};

    /// What the server must be told of a plan, and by what it knows it again.
    [[nodiscard]] static std::int64_t kept(const window_plan& plan) noexcept {
        std::int64_t most = 64;
        for (const window& w : plan.windows)
            most = std::max(most, w.limit);
        return std::min(most, most_kept);
    }
    [[nodiscard]] static std::int64_t longest(const window_plan& plan) noexcept { return plan.kept.longest.count(); }
    [[nodiscard]] static std::int64_t name_of(const window_plan& plan) noexcept {
        std::uint64_t hash = 0x9E37'79B9'7F4A'7C15U;
        const auto mix = [&hash](std::int64_t value) {
            hash = (hash ^ static_cast<std::uint64_t>(value)) * 0xBF58'476D'1CE4'E5B9U;
            hash ^= hash >> 31;
            hash *= 0x94D0'49BB'1331'11EBU;
            hash ^= hash >> 29;
        };
        mix(plan.max_concurrent);
        for (const window& w : plan.windows) {
            mix(w.limit);
            mix(w.period.count());
        }
        return static_cast<std::int64_t>(hash | 1);  // 0 is no plan's
    }

    /// Unique among all processes: a random beginning of each thread's own.
    [[nodiscard]] static std::int64_t next_entry() {
        thread_local std::mt19937_64 dice = [] {
            std::random_device source;
            std::seed_seq seed{source(), source(), source(), source(), source(), source(), source(), source()};
            return std::mt19937_64{seed};
        }();
        thread_local pid_t owner = ::getpid();
        if (owner != ::getpid()) {  // a child goes on from a state that its parent goes on from too
            std::random_device source;
            std::seed_seq seed{source(), source(), source(), source(), source(), source(), source(), source()};
            dice.seed(seed);
            owner = ::getpid();
        }
        return static_cast<std::int64_t>(dice() >> 1) | 1;
    }

    [[nodiscard]] bool injected() const noexcept { return pool_->options.injected_time; }
    void put_now(detail::pg_parameters_list& values, instant now) const {
        if (injected())
            values.number(now.time_since_epoch().count());
        else
            values.nothing();
    }
    /// A server's instant on our clock, when `t` was the server's at our `now`.
    [[nodiscard]] instant local(std::int64_t at, std::int64_t t, instant now) const noexcept {
        const instant there{duration{at}};
        if (injected() || there <= long_ago || there >= far_future)
            return there;
        return later(now, duration{at - t});
    }
    [[nodiscard]] static multiplier factor_of(std::int64_t millionths) {
        return multiplier::of(static_cast<double>(millionths) / static_cast<double>(multiplier::one));
    }

    [[nodiscard]] forecast decide(slot& s, const window_plan& plan, std::int64_t cost, instant now, mode how,
                                  std::int64_t id, std::int64_t& stamp) {
        pool_->check_fork();
        const detail::pg_pool::held link{*pool_, pool_->take(*s)};
        pool_->ready(link);
        if (const auto cold = warming_up(plan, cost, now))
            return *cold;
        bool sent = false;
        std::vector<std::int64_t> said;
        try {
            const auto verb = how == mode::open                      ? detail::pg_verb::open
                              : how == mode::stamped && cost == 1 ? detail::pg_verb::stamp
                                                                   : detail::pg_verb::admit;
            said = ask_by(link, *s, verb, 2, sent, [&](detail::pg_parameters_list& values) {
                put_now(values, now);
                values.number(name_of(plan));
                if (verb != detail::pg_verb::stamp)
                    values.number(cost);
                if (verb == detail::pg_verb::admit)
                    values.number(static_cast<std::int64_t>(how));
                if (verb != detail::pg_verb::stamp) {
                    values.number(id);
                    values.number(std::min<duration>(pool_->options.entry_ttl, std::chrono::hours{24 * 366}).count());
                }
                values.numbers(3 + 2 * plan.windows.size());
                for (const std::int64_t rule : {plan.max_concurrent, kept(plan), longest(plan)})
                    values.element(rule);
                for (const window& w : plan.windows) {
                    values.element(w.limit);
                    values.element(w.period.count());
                }
            });
        } catch (...) {
            // It may have been entered all the same: then it is taken back as soon as there is a connection.
            if (sent && id != 0 && s->id.load() != 0)
                pool_->settle({s, s->id.load(), id, 2, cost, now, kept(plan), longest(plan)});
            throw;
        }
        sweep_by(link, now);
        const bool is_short = said.size() == 2;
        s->factor.store(said[is_short ? 1 : 3]);
        stamp = said[is_short ? 0 : 2];
        if (said.size() < 7)
            return {injected() ? instant{duration{stamp}} : now, cause::none, 0};
        const forecast f{local(said[4], said[2], now), static_cast<cause>(said[5]),
                         static_cast<std::uint32_t>(said[6])};
        // What an open entry denies moves on until its answer, so it bounds nothing.
        const bool is_timed = f.why == cause::gate ||
                              (f.why == cause::window && said[4] - plan.windows[f.window].period.count() < said[2]);
        if (cost == 1 && is_timed)
            s->remember(f, plan);
        return f;
    }

    /// A denial, while what the server forgot may still fill the shortest window.
    [[nodiscard]] std::optional<forecast> warming_up(const window_plan& plan, std::int64_t cost, instant now) const {
        if (injected() || cost == 0 || plan.windows.empty() || pool_->options.on_lost_history == lost_history::ignore)
            return std::nullopt;
        const auto shortest = std::ranges::min_element(plan.windows, {}, &window::period);
        const instant warm = later(instant{duration{pool_->lost_at.load()}}, shortest->period);
        if (warm <= now)
            return std::nullopt;
        return forecast{warm, cause::window, static_cast<std::uint32_t>(shortest - plan.windows.begin())};
    }

    /// One round trip about a key: by its number, or by its names while that is not known.
    template <class Fill>
    std::vector<std::int64_t> ask(detail::pg_key& key, detail::pg_verb verb, std::size_t least, Fill&& fill) const {
        pool_->check_fork();
        const detail::pg_pool::held link{*pool_, pool_->take(key)};
        pool_->ready(link);
        bool sent = false;
        return ask_by(link, key, verb, least, sent, fill);
    }
    template <class Fill>
    std::vector<std::int64_t> ask_by(const detail::pg_pool::held& link, detail::pg_key& key, detail::pg_verb verb,
                                     std::size_t least, bool& sent, Fill&& fill) const {
        const std::uint64_t generation = pool_->generation.load();
        bool by_number = key.id.load() != 0 && key.generation.load() == generation;
        for (;; by_number = false) {
            detail::pg_parameters_list values;
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
            sent = false;
            std::vector<std::int64_t> said = call(link, verb, values, sent);
            // [1]: the key was forgotten meanwhile, and nothing happened.
            if (by_number && said.size() == 1)
                continue;
            if (said.size() < least)
                throw store_error("postgres: the server's answer is not one of ours; name another weir_schema");
            if (!by_number) {
                key.id.store(said[1]);
                key.generation.store(generation);
            }
            return said;
        }
    }
    std::vector<std::int64_t> call(const detail::pg_pool::held& link, detail::pg_verb verb,
                                   detail::pg_parameters_list& values, bool& sent) const {
        if (!link->send(verb, values)) {
            link->close();
            throw store_error("postgres: the server closed the connection before the request left; try again");
        }
        sent = true;
        return link->await();
    }

    void sweep_by(const detail::pg_pool::held& link, instant now) {
        std::int64_t due = pool_->next_sweep.load(std::memory_order_relaxed);  // a hint: it orders nothing
        const std::int64_t at = now.time_since_epoch().count();
        if (injected() || at < due || !pool_->next_sweep.compare_exchange_strong(due, at + sweep_pause.count()))
            return;
        detail::pg_parameters_list values;
        values.number(pool_->sweep_from.load());
        values.number(64);
        if (!link->send(detail::pg_verb::sweep, values, {}, &pool_->sweep_from))
            link->close();
    }

    std::shared_ptr<detail::pg_pool> pool_;
};

static_assert(store<postgres_store>);

}  // namespace weir
