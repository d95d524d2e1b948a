// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/loss_watch.hpp"
#include "weir/ext/redis/detail/presence.hpp"
#include "weir/ext/redis/detail/primary.hpp"
#include "weir/ext/redis/detail/refusal.hpp"
#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/server_look.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// One connection after its greeting, and the settlements whose replies are still to come.
///
/// **Thread safety.** None: the pool lends it to one thread at a time. **Errors.** Members throw `store_error`. Then
/// the connection is closed, and the settlements are kept.
class session {
public:
    using settlement = settlement_call;

    session(const redis_options* options, primary* where, loss_watch* losses, rerouting* others)
        : options_(*options), primary_(*where), losses_(*losses), rerouting_(*others) {}

    // ---- opening

    /// Finds the primary server, connects, signs in, reads the epoch and loads the scripts: two round trips besides
    /// that of the connection. The scripts come second, because a server accepts only short messages before the
    /// sign-in.
    void open() {
        primary_search search{&primary_};
        while (const auto at = search.next()) {
            at_ = *at;
            try {
                greet(search);
            } catch (const redirected&) {
                throw;
            } catch (const store_error& e) {
                search.failed(e.what());
                continue;
            }
            version_ = search.version();
            return;
        }
        search.give_up();
    }
    void close() noexcept { connection_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return connection_.is_open(); }
    /// Whether the server has not closed the connection. One that answered a moment ago is not checked, because that
    /// costs a system call. If the connection has ended, the replies that came before are read. So no settlement that
    /// was carried out is sent again. A connection to a server that is no longer the primary is of no use.
    [[nodiscard]] bool seems_alive() {
        primary_.look_for_news();
        const bool is_right = version_ == primary_.version();
        if (is_right && (steady_clock{}.now() - last_used_ < std::chrono::milliseconds{1} || connection_.seems_alive()))
            return true;
        try {
            while (!waiting_.empty()) {
                const reply r = connection_.read_without_waiting();
                if (r == nullptr)
                    break;
                answered(*r);
            }
        } catch (const store_error&) {
            // The connection is closed now, as the caller wants it.
        }
        return false;
    }

    /// Reads the epoch again, and sets it if it is gone or the server is another one.
    void renew_epoch() {
        server_look look{&connection_, &at_, &options_, &primary_, &losses_, &rerouting_};
        look.ask();
        instant deadline = begin();
        drain(deadline);
        look.read(connection_.read(deadline), deadline);
        look.say_next();
        deadline = begin();
        must_look_ = !look.read_next(deadline);
    }

    // ---- calls

    /// Runs a script on a key in one round trip, which also sends the settlements before it, and `note` behind those
    /// that are part of the call. If it throws, `sent` says whether the server may have carried it out.
    [[nodiscard]] reply call(script which, const key_address& key, std::span<const double> args, std::string_view tail,
                             std::string_view what, bool& sent, std::string_view note = {}) {
        if (must_look_) [[unlikely]]
            renew_epoch();
        const bool asks = std::exchange(asks_, false);
        for (int attempt = 0;; ++attempt) {
            notes_.clear();
            for (const settlement_call& s : carried_)
                append_note(notes_, s.id, s.at, s.how);
            notes_ += note;
            presence* const renews = std::exchange(renews_, nullptr);
            if (renews != nullptr)
                append_call(connection_.out(), sha_[index(script::presence)], renews->keys(), {}, renews->argument(),
                            {});
            if (asks)
                say({"ASKING"});
            append(which, key, args, tail, notes_);
            sent = true;
            const instant deadline = begin();
            drain(deadline);
            if (renews != nullptr)
                renews->hear(text_of(*connection_.read(deadline)), deadline);
            if (asks)
                static_cast<void>(connection_.read(deadline));
            reply r = connection_.read(deadline);
            if (r->type != REDIS_REPLY_ERROR) {
                last_used_ = deadline - limit_;
                for (const settlement_call& s : carried_)
                    s.route().unanswered.fetch_sub(1, std::memory_order_release);
                carried_.clear();
                if (!headless_.empty()) [[unlikely]]
                    tidy();
                return r;
            }
            // Only if the server lost its scripts, or refused the whole verb, is it certain that nothing was done.
            if (text_of(*r).substr(0, 8) != "NOSCRIPT" || attempt > 0) {
                send_elsewhere(*r, what, sent);
                expect(r, what, "see the server's log");
            }
            sent = false;
            load_scripts();
            read_scripts(begin());
        }
    }
    /// The next call also gives a sign of life, to a server that has the list of holders.
    void renew_with_next(presence& here) noexcept { renews_ = &here; }
    /// The next call is on a key that the server has before it has the key's hash slot.
    void ask_next() noexcept { asks_ = true; }

    /// Sends one command, and returns its reply. With `advice` an error reply is a `store_error`.
    [[nodiscard]] reply ask(std::initializer_list<std::string_view> parts, std::string_view what = {},
                            std::string_view advice = {}) {
        say(parts);
        const instant deadline = begin();
        drain(deadline);
        reply r = connection_.read(deadline);
        if (!advice.empty())
            expect(r, what, advice);
        return r;
    }

    // ---- settlements

    /// Buffers settlements: the next call writes them, or `catch_up`. Unimportant ones of the `called` key become part
    /// of the call.
    void send(std::deque<settlement_call>& posted, const remote::key_route* called) {
        for (auto next = posted.begin(); next != posted.end(); ++next) {
            if (next + 1 != posted.end() && is_said_by(*next, *(next + 1)))
                continue;
            settlement_call& s = *next;
            if (s.unimportant && &s.route() == called) {
                carried_.push_back(std::move(s));
                continue;
            }
            if (s.asks)
                say({"ASKING"});
            append_noting(connection_.out(), s.key->note, s.id, s.at, s.how);
            may_rest_ = may_rest_ && !s.urgent;
            waiting_.push_back(std::move(s));
        }
        posted.clear();
    }
    /// Writes the buffer. Replies are read by the next call. If there is none, they must not fill the socket.
    void catch_up() {
        if (connection_.out().empty())
            return;
        connection_.write_without_waiting(std::exchange(may_rest_, true));
        while (waiting_.size() > 64) {
            const reply r = connection_.read_without_waiting();
            if (r == nullptr)
                return;
            answered(*r);
        }
    }
    [[nodiscard]] static bool is_full() noexcept { return false; }
    void finish() {
        drain(begin());
        if (!headless_.empty())
            tidy();
        last_used_ = steady_clock{}.now();
    }
    [[nodiscard]] bool owes() const noexcept { return !waiting_.empty() || !carried_.empty(); }
    [[nodiscard]] bool has_undone() const noexcept { return !is_open() && owes(); }
    /// All settlements but those that must not be repeated.
    [[nodiscard]] std::deque<settlement_call> take_undone() {
        std::erase_if(waiting_, [](const settlement_call& s) {
            if (!s.repeatable())
                s.route().unanswered.fetch_sub(1, std::memory_order_release);
            return !s.repeatable();
        });
        auto all = std::exchange(waiting_, {});
        all.insert(all.end(), std::make_move_iterator(carried_.begin()), std::make_move_iterator(carried_.end()));
        carried_.clear();
        return all;
    }

private:
    static constexpr std::size_t index(script s) noexcept { return static_cast<std::size_t>(s); }

    void say(std::initializer_list<std::string_view> parts) { detail::say(connection_, parts); }
    void expect(const reply& r, std::string_view what, std::string_view advice) {
        detail::expect(connection_, at_, options_, *r, what, advice);
    }
    void append(script which, const key_address& key, std::span<const double> args, std::string_view tail,
                std::string_view notes) {
        std::string& out = connection_.out();
        if (which == script::admit || which == script::presence || which == script::reap)
            append_call(out, sha_[index(which)], key.parts, args, tail, notes);
        else
            append_call(out, sha_[index(which)], all_key_parts(key.parts, key.tuner_part), args, tail, notes);
    }

    // ---- the greeting

    void greet(primary_search& search) {
        connection_.open(at_, options_);
        const redis_credentials with = credentials_for(options_, connection_.server());
        const std::string db = std::to_string(options_.db);
        const bool signs_in = say_auth(connection_, with);
        if (options_.db != 0)
            say({"SELECT", db});
        server_look look{&connection_, &at_, &options_, &primary_, &losses_, &rerouting_};
        look.ask();
        limit_ = options_.connect_timeout;
        connection_.set_timeout(limit_);
        instant deadline = begin();
        reply first;
        try {
            first = connection_.read(deadline);
        } catch (const store_error&) {
            explain_refusal();
            throw;
        }
        if (signs_in) {
            expect(first, "sign in", "check user and password, and that the user is on");
            first = connection_.read(deadline);
        }
        if (options_.db != 0) {
            expect(first, "select the database", "check the database's number");
            first = connection_.read(deadline);
        }
        look.read(std::move(first), deadline);
        look.check_layout(search.is_choice());
        search.succeeded(at_);
        load_scripts();
        look.say_next();
        deadline = begin();
        read_scripts(deadline);
        must_look_ = !look.read_next(deadline);
        limit_ = options_.command_timeout;
        connection_.set_timeout(limit_);
        last_used_ = steady_clock{}.now();
    }

    [[nodiscard]] instant begin() {
        connection_.write();
        return steady_clock{}.now() + limit_;
    }
    void load_scripts() {
        for (const std::string_view text : script_texts())
            say({"SCRIPT", "LOAD", text});
    }
    void read_scripts(instant deadline) {
        for (std::string& sha : sha_) {
            const reply r = connection_.read(deadline);
            expect(r, "load a script", "give the user the commands SCRIPT LOAD and EVALSHA");
            sha = text_of(*r);
            if (sha.size() != 40)
                connection_.fail("cannot load a script", "the reply is no digest", "does a Redis server listen there?");
        }
    }

    /// Reads the replies of all settlements posted.
    void drain(instant deadline) {
        while (!waiting_.empty())
            answered(*connection_.read(deadline));
    }
    void answered(const redisReply& r) {
        if (std::exchange(waiting_.front().asks, false))
            return;  // the reply of ASKING, which came first
        if (r.type == REDIS_REPLY_ERROR)
            if (redirection where = redirection_of(text_of(r), at_); where.kind != detour::none) [[unlikely]] {
                note(where);
                rerouting_.put(std::move(waiting_.front()), std::move(where));
                return waiting_.pop_front();
            }
        // The next call meets the same refusal (a replica, no memory), and then the entry expires. If only this right
        // is missing, no call reports it. A note without a head was written after the head was lost. Such a key would
        // never expire.
        if (r.type == REDIS_REPLY_INTEGER && r.integer < static_cast<long long>(stored_head_bytes))
            headless_.push_back(waiting_.front().key);
        if (r.type == REDIS_REPLY_ERROR && error_word(text_of(r)) == "NOPERM" && !std::exchange(said_append_, true))
            losses_.notices().put({store_notice::kind::warning,
                                   fmt::format("redis: answers are not written at {}: the server says NOPERM; give the "
                                               "user the command APPEND",
                                               connection_.server())});
        waiting_.front().route().unanswered.fetch_sub(1, std::memory_order_release);
        waiting_.pop_front();
    }
    /// If the reply says that another server or a later moment is right, throws `redirected`. The connection stays
    /// open.
    void send_elsewhere(const redisReply& r, std::string_view what, bool& sent) {
        const std::string_view text = text_of(r);
        redirection where = redirection_of(text, at_);
        if (where.kind == detour::none || (where.kind == detour::not_primary && !can_move()))
            return;
        sent = false;
        note(where);
        for (settlement_call& s : carried_)
            rerouting_.put(std::move(s), where);
        carried_.clear();
        throw redirected{fmt::format("redis: cannot {} at {}: the server says {}; {}", what, connection_.server(),
                                     error_word(text), remedy_of(text)),
                         std::move(where)};
    }
    /// Whether the primary server can be another one.
    [[nodiscard]] bool can_move() const {
        return primary_.is_node() || options_.layout == redis_layout::sentinel || options_.addresses.size() > 1;
    }
    /// The next verb searches for the primary server again.
    void note(const redirection& where) noexcept {
        if (where.kind == detour::not_primary && can_move())
            version_ = 0;
    }
    void tidy() {
        constexpr std::array<double, 3> args{number(key_verb::tidy), server_time, 0};
        const auto keys = std::exchange(headless_, {});
        for (const auto& key : keys)
            append(script::keep, *key, args, {}, {});
        const instant deadline = begin();
        for (std::size_t i = 0; i < keys.size(); ++i)
            static_cast<void>(connection_.read(deadline));
    }

    /// A server at its connection limit sends an error and ends the connection. A write that arrives after that resets
    /// the connection, and the error is lost. On a second connection, without a write, the error can be read.
    void explain_refusal() {
        connection_.open(at_, options_);
        connection_.set_timeout(std::chrono::milliseconds{100});
        reply said;
        try {
            said = connection_.read(steady_clock{}.now());
        } catch (const store_error&) {
            return;
        }
        expect(said, "connect", "see the server's log");
    }

    const redis_options& options_;
    primary& primary_;
    loss_watch& losses_;
    rerouting& rerouting_;
    server_address at_;  // the server of the connection
    std::uint64_t version_ = 0;
    std::string notes_;
    connection connection_;
    std::array<std::string, script_count> sha_;
    std::deque<settlement_call> waiting_;
    std::vector<settlement_call> carried_;
    std::vector<std::shared_ptr<key_address>> headless_;  // keys with notes and without a head
    duration limit_{};
    instant last_used_ = long_ago;
    bool may_rest_ = true;
    bool said_append_ = false;
    bool must_look_ = false;  // the epoch could not be read, because its hash slot moves
    bool asks_ = false;
    presence* renews_ = nullptr;  // gives a sign of life with the next call
};

static_assert(remote::pooled_session<session>);

}  // namespace weir::redis::detail
