// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/pool.hpp"
#include "weir/ext/redis/detail/server_clock.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis {

/// Keeps every key's state in a Redis or Valkey server (6.2 or later), so that all processes share one budget.
///
/// Each verb is one script on the server, by the server's clock, and one round trip; `settle` is written and not waited
/// for. Times are whole microseconds there, rounded against the caller.
///
/// **Thread safety.** All members may be called from any thread; a slot is used by one verb at a time, besides
/// `settle`.
/// **Errors.** `store_error` where a verb was not carried out, or nobody knows: then the entry, if it was made, is
/// taken back with the next message that gets through, and else expires. **Lifetime.** Of one process: in a child of
/// `fork()` every verb throws.
class redis_store {
public:
    /// What this process keeps of a key.
    class slot {
    public:
        slot() = default;

    private:
        friend class redis_store;
        struct denial {
            forecast what{long_ago, cause::none, 0};
            window by{0, {}};
            std::int64_t cost = 0;
            instant seen = long_ago;
        };
        struct state : detail::key_line {
            std::mutex mutex;  // settle runs beside the other verbs
            denial last;
            std::int64_t held = 0;  // entries of this process
            // Written by one verb at a time.
            multiplier factor{};
            instant lost_at = long_ago;
            double born = 0;        // the head's first moment, ...
            std::uint32_t seq = 0;  // ... how many admissions it had seen, ...
            double lives = 0;       // ... and until when it should at least live, by the server's clock

            /// Whether `head` should know of an admission here, and does not.
            [[nodiscard]] bool remembers(const detail::head_fields& head) const noexcept {
                return born != 0 && head.t < lives &&
                       (head.born != born || static_cast<std::int32_t>(head.seq - seq) <= 0);
            }
        };
        std::shared_ptr<state> state_;
    };

    static constexpr bool is_local = false;

    /// Connects with the first verb, not here.
    ///
    /// **Errors.** `weir::exception` (`errc::bad_configuration`) for options that contradict themselves.
    explicit redis_store(redis_options options) : shared_(std::make_unique<shared>(checked(std::move(options)))) {}

    [[nodiscard]] instant now() const noexcept { return steady_clock{}.now(); }

    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        slot out;
        out.state_ = std::make_shared<slot::state>();
        const detail::key_names names = detail::names_of(options().prefix, host, role);
        out.state_->parts = detail::key_parts(names);
        out.state_->note = detail::note_start(names);
        out.state_->home = shared_->links.next_home();
        return out;
    }

    // ---- the main verb

    template <class Place>
    [[nodiscard]] forecast admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, Place&& place,
                                 entry& out) {
        if (cost > 0 && !place.take()) {
            // What expires by then expires, as it would in a store that decides first.
            if (options().injected_time)
                static_cast<void>(decide(s, plan, 0, now, 0.0, nullptr));
            return {now, cause::inflight, 0};
        }
        forecast f{};
        try {
            out.id = new_id();
            f = decide(s, plan, cost, now, plan.from_response ? 1.0 : 2.0, &out.id);
        } catch (...) {
            if (cost > 0)
                place.give_back();
            throw;
        }
        if (!f.admits()) {
            if (cost > 0)
                place.give_back();
            return f;
        }
        out.cost = cost;
        out.stamp = f.at;
        out.in_flight = cost > 0;
        out.state = cost == 0 ? entry_state::free : plan.from_response ? entry_state::open : entry_state::stamped;
        if (cost == 0)
            out.id = 0;
        return f;
    }

    [[nodiscard]] forecast count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return decide(s, plan, cost, now, 0.0, nullptr);
    }

    /// What this process knows without asking: the last denial while it lies ahead.
    template <class Ahead>
    [[nodiscard]] forecast foresee(const slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                   const Ahead&) const {
        for (std::uint32_t i = 0; cost > 0 && i < plan.windows.size(); ++i)
            if (plan.windows[i].limit < cost)
                return {far_future, cause::never, i};
        const std::lock_guard guard{s.state_->mutex};
        const auto& [what, by, least, seen] = s.state_->last;
        // From an earlier instant an open entry might let it through earlier.
        if (what.at <= now || now < seen || cost < least)
            return {now, cause::none, 0};
        // Under other windows it says nothing.
        if (what.why == cause::window &&
            (what.window >= plan.windows.size() || plan.windows[what.window].limit != by.limit ||
             plan.windows[what.window].period != by.period))
            return {now, cause::none, 0};
        return what;
    }

    // ---- changes

    /// Written without waiting for the reply; `flush` waits for it. Over TCP the kernel may keep it for the next
    /// message, 200 ms at most, unless the key has a ceiling. Where the server cannot be reached it is kept, and sent
    /// with what comes next; it says when the answer came, so that late is not lost.
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        if (e.id != 0) {
            const bool news = e.state == entry_state::open || how != settlement::answered || options().injected_time;
            {
                const std::lock_guard guard{s.state_->mutex};
                if (how == settlement::refunded || now < s.state_->last.seen)
                    s.state_->last = {};
                if (how != settlement::answered)
                    --s.state_->held;
            }
            if (news) {
                require_own_process("settle");
                // Who waits for a ceiling waits for this.
                post(s, e.id, how, now, plan.max_concurrent > 0);
            }
        }
        if (how == settlement::answered) {
            if (e.state == entry_state::open) {
                e.stamp = now;
                e.state = entry_state::stamped;
            }
            return;
        }
        e = {};
    }

    /// Sends every settlement that is still here and waits for the replies.
    void flush() {
        require_own_process("flush settlements");
        shared_->links.flush();
    }

    [[nodiscard]] bool hold(slot& s, instant until) {
        const instant now = this->now();
        const double value = options().injected_time ? injected(until) : detail::microseconds_up(until - now);
        return keep(s, 0, value, now, "hold") != 0;
    }
    void tune(slot& s, multiplier m) {
        keep(s, 1, static_cast<double>(m.millionths()), now(), "tune");
        s.state_->factor = m;
        forget_denial(s);
    }
    void erase(slot& s) {
        keep(s, 2, 0, now(), "erase");
        s.state_->factor = {};
        forget_denial(s);
    }

    // ---- queries

    /// The factor last heard of.
    [[nodiscard]] multiplier factor(const slot& s) const { return s.state_->factor; }

    /// `bytes` is 0: the log is the server's.
    [[nodiscard]] reading read(const slot& s, const window_plan& plan, instant now) {
        std::vector<double> args{3, time_argument(now), 0};
        for (const window& w : plan.windows)
            args.push_back(period_of(w.period));
        const std::string got = call(*s.state_, detail::script::keep, args, nullptr, "read", now);
        if (got.size() != (7 + plan.windows.size()) * 8)
            bad_reply("read");
        const auto at = [&](std::size_t i) { return detail::double_at(got, i); };
        const instant here = this->now();
        reading out;
        out.open = static_cast<std::int64_t>(at(1));
        out.in_flight = static_cast<std::int64_t>(at(2));
        out.gate = local(at(3), at(0), here);
        out.factor = factor_of(at(4));
        out.newest = local(at(5), at(0), here);
        for (std::size_t i = 0; i < plan.windows.size(); ++i)
            out.windows.push_back(
                {plan.shown[i], plan.windows[i].limit, plan.windows[i].period, static_cast<std::int64_t>(at(7 + i))});
        s.state_->factor = out.factor;
        return out;
    }

    /// Whether this process has nothing open on the key: all else is the server's.
    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant now) const {
        const std::lock_guard guard{s.state_->mutex};
        return s.state_->held <= 0 && s.state_->last.what.at <= now;
    }

    /// How often the server was seen to have lost what it was told.
    [[nodiscard]] std::uint64_t losses() const noexcept {
        return shared_->links.losses() + shared_->lost_keys.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const redis_options& options() const noexcept { return shared_->links.options(); }

private:
    struct shared {
        explicit shared(redis_options options) : links(std::move(options)) {}
        detail::pool links;
        detail::server_clock clock;
        std::atomic<std::uint64_t> next_id{random_start()};
        std::atomic<std::uint64_t> lost_keys = 0;
        pid_t owner = ::getpid();

        static std::uint64_t random_start() {
            std::random_device device;
            return (static_cast<std::uint64_t>(device()) << 32) ^ device();
        }
    };

    [[nodiscard]] static redis_options checked(redis_options o) {
        if (std::string fault = fault_of(o); !fault.empty())
            throw exception{error{errc::bad_configuration, "redis: " + fault}};
        if (o.tls && !detail::has_tls)
            throw exception{error{errc::bad_configuration,
                                  "redis: rediss:// needs TLS, which the hiredis this was built with has not; build "
                                  "with hiredis 1.0 or later, or write redis://"}};
        return o;
    }
    void require_own_process(std::string_view what) const {
        if (::getpid() != shared_->owner)
            throw store_error{fmt::format("redis: cannot {} in a child of the process that made the store; make the "
                                          "registry after fork()",
                                          what)};
    }
    [[noreturn]] void bad_reply(std::string_view what) const {
        throw store_error{fmt::format("redis: cannot {} at {}: the reply is not what the script returns; is another "
                                      "version of weir using this prefix?",
                                      what, detail::place_of(options()))};
    }
    /// Unique among all processes as far as 64 random bits make it; never 0.
    [[nodiscard]] std::uint64_t new_id() noexcept {
        const std::uint64_t id = shared_->next_id.fetch_add(1, std::memory_order_relaxed);
        return id != 0 ? id : shared_->next_id.fetch_add(1, std::memory_order_relaxed);
    }

    // ---- time

    [[nodiscard]] double injected(instant at) const noexcept {
        return at <= long_ago ? -detail::never : static_cast<double>((at - options().origin).count());
    }
    [[nodiscard]] double time_argument(instant now) const noexcept {
        return options().injected_time ? injected(now) : detail::server_time;
    }
    [[nodiscard]] double period_of(duration span) const noexcept {
        return options().injected_time ? static_cast<double>(span.count()) : detail::microseconds_up(span);
    }
    /// The instant here that is `at` there, where it is `t` there and `here` here.
    [[nodiscard]] instant local(double at, double t, instant here) const noexcept {
        if (std::isinf(at))
            return at < 0 ? long_ago : far_future;
        if (options().injected_time)
            return options().origin + duration{static_cast<std::int64_t>(at)};
        const duration span = detail::span_of(at - t);
        return span < duration::zero() ? here + span : later(here, span);
    }
    [[nodiscard]] static multiplier factor_of(double millionths) noexcept {
        return multiplier::of(millionths / static_cast<double>(multiplier::one));
    }
    [[nodiscard]] static std::int64_t kept(const window_plan& plan) noexcept {
        auto most = static_cast<std::int64_t>(plan.kept.exact);
        for (const window& w : plan.windows)
            most = std::max(most, w.limit);
        return most;
    }

    // ---- steps

    [[nodiscard]] std::string call(slot::state& key, detail::script which, std::span<const double> args,
                                   const std::uint64_t* id, std::string_view what, instant now) const {
        require_own_process(what);
        const auto line = shared_->links.borrow(key, options().injected_time ? this->now() : now);
        shared_->links.take_posted(*line);
        bool sent = false;
        return std::string{detail::text_of(*line->call(which, key, args, id, what, sent))};
    }

    [[nodiscard]] forecast decide(slot& s, const window_plan& plan, std::int64_t cost, instant now, double what,
                                  const std::uint64_t* id) {
        slot::state& key = *s.state_;
        require_own_process("admit");
        if (const forecast warm = warming(key, plan, cost, now); !warm.admits())
            return warm;
        std::array<double, 7 + 2 * 16> few;
        std::vector<double> many;
        const std::size_t size = 7 + 2 * plan.windows.size();
        double* args = few.data();
        if (size > few.size()) {
            many.resize(size);
            args = many.data();
        }
        args[0] = cost > 0 ? what : 0.0;
        args[1] = static_cast<double>(cost);
        args[2] = time_argument(now);
        args[3] = period_of(options().entry_ttl);
        args[4] = what > 0 || plan.max_concurrent > 0 ? static_cast<double>(plan.max_concurrent) : 0.0;
        args[5] = period_of(plan.kept.longest);
        args[6] = static_cast<double>(kept(plan));
        for (std::size_t i = 0; i < plan.windows.size(); ++i) {
            args[7 + 2 * i] = static_cast<double>(plan.windows[i].limit);
            args[8 + 2 * i] = period_of(plan.windows[i].period);
        }

        const bool enters = cost > 0 && id != nullptr;
        const auto line = shared_->links.borrow(key, options().injected_time ? this->now() : now);
        shared_->links.take_posted(*line);
        bool sent = false;
        detail::reply got;
        const auto asked = detail::server_clock::here();
        try {
            got = line->call(detail::script::admit, key, {args, size}, id, "admit", sent);
        } catch (const store_error&) {
            // It may have been entered, and nobody will use it.
            if (sent && enters)
                take_back(s, *id, now);
            throw;
        }
        const std::string_view text = detail::text_of(*got);
        if (got->type != REDIS_REPLY_STRING)
            bad_reply("admit");
        if (text.size() == detail::head_bytes) {
            const detail::head_fields head{text};
            key.factor = factor_of(head.factor);
            shared_->clock.learn(head.t, asked);
            if (!options().injected_time && key.remembers(head)) [[unlikely]]
                lose(*line, key);
            key.born = head.born;
            key.seq = head.seq;
            key.lives = head.lives;
            // A loss may have been seen by this very call, or while it was on its way.
            if (const forecast warm = warming(key, plan, cost, now); !warm.admits()) {
                if (enters)
                    take_back(s, *id, now);
                return warm;
            }
            if (enters) {
                const std::lock_guard guard{key.mutex};
                ++key.held;
            }
            return {options().injected_time ? local(head.t, head.t, now) : now, cause::none, 0};
        }
        if (text.size() != 40)
            bad_reply("admit");
        const auto at = [&](std::size_t i) { return detail::double_at(text, i); };
        const auto why = static_cast<cause>(static_cast<std::uint8_t>(at(0)));
        const auto index = static_cast<std::uint32_t>(at(1));
        const double t = at(3);
        key.factor = factor_of(at(4));
        shared_->clock.learn(t, asked);
        if (why == cause::none)  // nothing was counted
            return {options().injected_time ? local(t, t, now) : now, cause::none, 0};
        const forecast denied{local(at(2), t, this->now()), why, index};
        if (why == cause::never)
            return denied;
        const std::lock_guard guard{key.mutex};
        key.last = {denied, why == cause::window ? plan.windows[index] : window{0, {}}, why == cause::gate ? 0 : cost,
                    now};
        return denied;
    }

    /// Denies until the key's shortest window has passed since a loss of history was seen.
    [[nodiscard]] forecast warming(const slot::state& key, const window_plan& plan, std::int64_t cost,
                                   instant now) const {
        const instant lost = std::max(key.lost_at, shared_->links.lost_at());
        if (lost == long_ago || cost == 0 || plan.windows.empty() || options().injected_time ||
            options().on_lost_history == lost_history::ignore)
            return {now, cause::none, 0};
        const auto shortest = std::ranges::min_element(plan.windows, {}, &window::period);
        const instant until = later(lost, shortest->period);
        if (until <= now)
            return {now, cause::none, 0};
        return {until, cause::window, static_cast<std::uint32_t>(shortest - plan.windows.begin())};
    }
    void lose(detail::session& line, slot::state& key) {
        shared_->lost_keys.fetch_add(1, std::memory_order_relaxed);
        key.lost_at = this->now();
        try {
            shared_->links.suspect_loss(line);
        } catch (const store_error&) {
            // The next connection compares the epoch as well.
        }
    }

    void post(slot& s, std::uint64_t id, settlement how, instant now, bool urgent) {
        const double at = options().injected_time ? injected(now) : shared_->clock.at_most();
        const char code = how == settlement::answered ? 0 : how == settlement::released ? 1 : 2;
        shared_->links.post({s.state_, id, at, code, urgent});
    }
    /// An entry that was perhaps made, and nobody will use.
    void take_back(slot& s, std::uint64_t id, instant now) { post(s, id, settlement::refunded, now, false); }

    double keep(slot& s, double what, double value, instant now, std::string_view name) {
        // These have no instant of their own: under injected time a gate is absolute and the rest has no time.
        const std::array<double, 3> args{what, options().injected_time ? -detail::never : detail::server_time, value};
        const std::string got = call(*s.state_, detail::script::keep, args, nullptr, name, now);
        if (got.size() != 8)
            bad_reply(name);
        return detail::double_at(got, 0);
    }
    static void forget_denial(slot& s) {
        const std::lock_guard guard{s.state_->mutex};
        s.state_->last = {};
    }

    std::unique_ptr<shared> shared_;
};

static_assert(store<redis_store>);

}  // namespace weir::redis
