// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/epoch.hpp"
#include "weir/ext/redis/detail/loss_watch.hpp"
#include "weir/ext/redis/detail/script.hpp"
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

/// The parts of commands that name a key, made once.
struct key_address {
    std::string parts;       ///< the keys of a decision, as a part of a call
    std::string tuner_part;  ///< the third key, which only some scripts need
    std::string note;        ///< the part of a note before its text
    std::string windows;     ///< the name of the windows' value, which no script reads
    remote::key_route route{};
};

/// A settlement in progress. Repeating one changes nothing. So it is kept until its reply is read, and sent again over
/// the next connection if there was none. The exception is the refund of a stamp without an entry, which is then lost.
struct settlement_call {
    std::shared_ptr<key_address> key;
    std::uint64_t id = 0;
    double at = 0;
    note_kind how{};
    bool urgent = false;       ///< another process may wait for it
    bool unimportant = false;  ///< no process waits for it: it may be part of the next call on its key

    [[nodiscard]] bool repeatable() const noexcept { return how != note_kind::refund_stamp; }
    [[nodiscard]] remote::key_route& route() const noexcept { return key->route; }
};

/// One connection after its greeting, and the settlements whose replies are still to come.
///
/// **Thread safety.** None: the pool lends it to one thread at a time. **Errors.** Members throw `store_error`. Then
/// the connection is closed, and the settlements are kept.
class session {
public:
    using settlement = settlement_call;

    session(const redis_options* options, loss_watch* losses) : options_(*options), losses_(*losses) {}

    // ---- opening

    /// Connects, signs in, reads the epoch and loads the scripts: two round trips besides that of the connection. The
    /// scripts come second, because a server accepts only short messages before the sign-in.
    void open() {
        connection_.open(options_);
        const std::string db = std::to_string(options_.db);
        const bool signs_in = !options_.password.empty();
        if (signs_in && options_.user.empty())
            say({"AUTH", options_.password});
        else if (signs_in)
            say({"AUTH", options_.user, options_.password});
        if (options_.db != 0)
            say({"SELECT", db});
        say_look();
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
        const look seen = read_look(std::move(first), deadline);
        load_scripts();
        const epoch_step next = say_epoch(seen);
        deadline = begin();
        read_scripts(deadline);
        read_epoch(deadline, seen, next);
        limit_ = options_.command_timeout;
        connection_.set_timeout(limit_);
        last_used_ = steady_clock{}.now();
    }
    void close() noexcept { connection_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return connection_.is_open(); }
    /// Whether the server has not closed the connection. One that answered a moment ago is not checked, because that
    /// costs a system call. If the connection has ended, the replies that came before are read. So no settlement that
    /// was carried out is sent again.
    [[nodiscard]] bool seems_alive() {
        if (steady_clock{}.now() - last_used_ < std::chrono::milliseconds{1} || connection_.seems_alive())
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
        say_look();
        instant deadline = begin();
        drain(deadline);
        const look seen = read_look(connection_.read(deadline), deadline);
        const epoch_step next = say_epoch(seen);
        deadline = begin();
        read_epoch(deadline, seen, next);
    }

    // ---- calls

    /// Runs a script on a key in one round trip, which also sends the settlements before it, and `note` behind those that
    /// are part of the call. If it throws, `sent` says whether the server may have carried it out.
    [[nodiscard]] reply call(script which, const key_address& key, std::span<const double> args, std::string_view tail,
                             std::string_view what, bool& sent, std::string_view note = {}) {
        for (int attempt = 0;; ++attempt) {
            notes_.clear();
            for (const settlement_call& s : carried_)
                append_note(notes_, s.id, s.at, s.how);
            notes_ += note;
            append(which, key, args, tail, notes_);
            sent = true;
            const instant deadline = begin();
            drain(deadline);
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
            // Only if the server lost its scripts is it certain that nothing was done.
            if (text_of(*r).substr(0, 8) != "NOSCRIPT" || attempt > 0)
                expect(r, what, "see the server's log");
            sent = false;
            load_scripts();
            read_scripts(begin());
        }
    }

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
            if (join(*next, next + 1 != posted.end() ? &*(next + 1) : nullptr))
                continue;
            settlement_call& s = *next;
            if (s.unimportant && &s.route() == called) {
                carried_.push_back(std::move(s));
                continue;
            }
            append_noting(connection_.out(), s.key->note, s.id, s.at, s.how);
            may_rest_ = may_rest_ && !s.urgent;
            waiting_.push_back(std::move(s));
        }
        posted.clear();
    }
    /// Whether `next` says all that `s` says: a request was answered, and has ended. An end without an answer before it is
    /// the answer too.
    [[nodiscard]] static bool join(const settlement_call& s, settlement_call* next) noexcept {
        if (next == nullptr || s.how != note_kind::answered || next->how != note_kind::released || next->id != s.id ||
            next->key != s.key)
            return false;
        next->at = s.at;
        next->urgent = next->urgent || s.urgent;
        next->unimportant = next->unimportant && s.unimportant;
        s.route().unanswered.fetch_sub(1, std::memory_order_release);
        return true;
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
    static constexpr std::string_view epoch_life = "2764800000";  // 32 days
    static constexpr std::size_t index(script s) noexcept { return static_cast<std::size_t>(s); }

    void say(std::initializer_list<std::string_view> parts) {
        connection_.out() += command(std::span{parts.begin(), parts.size()});
    }
    void append(script which, const key_address& key, std::span<const double> args, std::string_view tail,
                std::string_view notes) {
        std::string& out = connection_.out();
        if (which == script::admit)
            append_call(out, sha_[index(which)], key.parts, args, tail, notes);
        else
            append_call(out, sha_[index(which)], all_key_parts(key.parts, key.tuner_part), args, tail, notes);
    }

    // ---- the greeting

    /// The server's time, epoch and settings.
    struct look {
        std::int64_t now = 0;
        bool is_there = false;  ///< the key exists, whether its value is an epoch or not
        std::optional<epoch_record> found;
        server_facts facts;
    };
    void say_look() {
        say({"TIME"});
        say({"GET", epoch_key_});
        say({"PEXPIRE", epoch_key_, epoch_life});
        say({"INFO"});
        say({"INFO", "commandstats"});
    }
    [[nodiscard]] look read_look(reply time, instant deadline) {
        look out;
        // A server at its connection limit sends only that error.
        if (text_of(*time).find("unknown command") == std::string_view::npos)
            expect(time, "read its clock", "give the user the command TIME");
        const reply epoch = connection_.read(deadline);
        const reply life = connection_.read(deadline);
        const reply info = connection_.read(deadline);
        const reply commands = connection_.read(deadline);
        if (info->type != REDIS_REPLY_ERROR)
            out.facts = facts_of(text_of(*info), commands->type == REDIS_REPLY_ERROR ? "" : text_of(*commands));
        if (out.facts.is_sentinel)
            connection_.fail("cannot keep keys", "it is a Sentinel", "name the primary server, which it watches");
        expect(time, "read its clock", "give the user the command TIME");
        out.is_there = epoch->type != REDIS_REPLY_NIL;
        if (epoch->type != REDIS_REPLY_ERROR || error_word(text_of(*epoch)) != "WRONGTYPE") {
            expect(epoch, "read the epoch", "give the user the command GET");
            out.found = epoch_of(text_of(*epoch));
        }
        expect(life, "renew the epoch", "give the user the command PEXPIRE");
        if (time->type == REDIS_REPLY_ARRAY && time->elements == 2)
            out.now = info_number(text_of(*time->element[0])) * 1'000'000 + info_number(text_of(*time->element[1]));
        return out;
    }
    /// Sends the next epoch if it differs from the present one.
    [[nodiscard]] epoch_step say_epoch(const look& seen) {
        epoch_step next = next_epoch(seen.found, seen.facts, seen.now, losses_.known_epoch(), losses_.fresh_epoch());
        if (seen.found == next.record)
            return next;
        // If several processes find no epoch, only one makes it.
        const std::string text = text_of(next.record);
        if (seen.is_there)
            say({"SET", epoch_key_, text, "PX", epoch_life});
        else
            say({"SET", epoch_key_, text, "NX", "PX", epoch_life});
        say({"GET", epoch_key_});
        return next;
    }
    void read_epoch(instant deadline, const look& seen, const epoch_step& next) {
        epoch_record is = next.record;
        if (seen.found != next.record) {
            expect(connection_.read(deadline), "write the epoch",
                   "name the primary server, with a user that may write");
            const reply epoch = connection_.read(deadline);
            expect(epoch, "read the epoch", "give the user the command GET");
            is = epoch_of(text_of(*epoch)).value_or(next.record);
        }
        losses_.compare(is, seen.now, seen.facts, is.id == next.record.id ? next.reason : std::string_view{});
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
        // The next call meets the same refusal (a replica, no memory), and then the entry expires. If only this right
        // is missing, no call reports it. A note without a head was written after the head was lost. Such a key would
        // never expire.
        if (r.type == REDIS_REPLY_INTEGER && r.integer < static_cast<long long>(stored_head_bytes))
            headless_.push_back(waiting_.front().key);
        if (r.type == REDIS_REPLY_ERROR && error_word(text_of(r)) == "NOPERM" && !std::exchange(said_append_, true))
            losses_.notices().put({store_notice::kind::warning,
                                   fmt::format("redis: answers are not written at {}: the server says NOPERM; give the "
                                               "user the command APPEND",
                                               server_of(options_))});
        waiting_.front().route().unanswered.fetch_sub(1, std::memory_order_release);
        waiting_.pop_front();
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
        connection_.open(options_);
        connection_.set_timeout(std::chrono::milliseconds{100});
        reply said;
        try {
            said = connection_.read(steady_clock{}.now());
        } catch (const store_error&) {
            return;
        }
        expect(said, "connect", "see the server's log");
    }
    /// The commands that the user may not use. Each is tried on a key that does not exist. This needs a connection of
    /// its own, because replies may be due on the present one.
    [[nodiscard]] std::string missing_rights() const {
        static constexpr std::string_view fallback =
            "the user lacks a command or the keys; docs/stores/redis.md lists them";
        const std::string key = options_.prefix + ":probe";
        const std::string list = key + ":s";
        const std::array<std::pair<std::string_view, std::vector<std::string_view>>, 12> probes{
            {{"TIME", {"TIME"}},
             {"GET", {"GET", key}},
             {"SET", {"SET", key, "", "PX", "1000"}},
             {"APPEND", {"APPEND", key, ""}},
             {"LPUSH", {"LPUSH", list, ""}},
             {"LINDEX", {"LINDEX", list, "0"}},
             {"LPOP", {"LPOP", list}},
             {"RPOP", {"RPOP", list}},
             {"PEXPIRE", {"PEXPIRE", list, "1000"}},
             {"DEL", {"DEL", key, list}},
             {"SCRIPT LOAD", {"SCRIPT", "LOAD", "return 1"}},
             {"EVALSHA", {"EVALSHA", "0", "0"}}}};
        try {
            connection probe;
            probe.open(options_);
            const auto say = [&](std::span<const std::string_view> parts) {
                probe.out() += command(parts);
                probe.write();
                return probe.read(steady_clock{}.now() + options_.connect_timeout);
            };
            if (!options_.password.empty()) {
                const std::array<std::string_view, 3> words{"AUTH", options_.user, options_.password};
                const std::array<std::string_view, 2> without_user{"AUTH", options_.password};
                static_cast<void>(options_.user.empty() ? say(without_user) : say(words));
            }
            std::string out;
            std::size_t count = 0;
            for (const auto& [name, parts] : probes)
                if (const reply r = say(parts); r->type == REDIS_REPLY_ERROR && error_word(text_of(*r)) == "NOPERM") {
                    out.append(out.empty() ? "the user lacks a command; give the user the command " : ", ")
                        .append(name);
                    ++count;
                }
            // If so many fail, the user has no right to the keys.
            return count == 0 || count > 6 ? std::string{fallback} : out;
        } catch (const store_error&) {
            return std::string{fallback};
        }
    }
    void expect(const reply& r, std::string_view what, std::string_view advice) {
        if (r->type != REDIS_REPLY_ERROR)
            return;
        // The text after the first word may repeat a secret that was sent. So it is compared, but not shown.
        const std::string_view text = text_of(*r);
        const std::string_view word = error_word(text);
        const auto says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
        std::string lacks;
        if (says("max number of clients"))
            advice = "it takes no more connections; raise its maxclients, or lower pool";
        else if (says("unknown command") || says("Unknown Redis command"))
            advice =
                "it does not know a command that this store needs; was EVALSHA, SCRIPT or another one renamed, or is "
                "this no Redis server?";
        else if (says("without any password configured") || says("no password is set"))
            advice = "the server has no password for this user; leave it out";
        else if (word == "NOAUTH" || says("unauthenticated"))
            advice = "it asks for a password; write redis://:password@host or redis://user:password@host";
        else if (word == "DENIED")
            advice = "it is in protected mode and takes connections of its own machine alone; see the server's log";
        else if (word == "NOPERM" || says("can't run this command") || says("has no permissions"))
            advice = lacks = missing_rights();
        else if (word == "READONLY")
            advice = "it is a read-only replica; name the primary server";
        else if (word == "LOADING")
            advice = "it is still loading its data";
        else if (word == "MOVED" || word == "CLUSTERDOWN")
            advice = "it is part of a Cluster, which this store does not follow; name a standalone server";
        else if (word == "OOM")
            advice = "it is out of memory; raise maxmemory";
        else if (word == "MISCONF")
            advice = "it cannot save its data and refuses writes; see the server's log";
        connection_.fail(fmt::format("cannot {}", what), fmt::format("the server says {}", word), advice);
    }

    const redis_options& options_;
    loss_watch& losses_;
    const std::string epoch_key_ = options_.prefix + ":epoch";
    connection connection_;
    std::array<std::string, script_count> sha_;
    std::deque<settlement_call> waiting_;
    std::vector<settlement_call> carried_;
    std::string notes_;
    std::vector<std::shared_ptr<key_address>> headless_;  // keys with notes and without a head
    duration limit_{};
    instant last_used_ = long_ago;
    bool may_rest_ = true;
    bool said_append_ = false;
};

static_assert(remote::pooled_session<session>);

}  // namespace weir::redis::detail
