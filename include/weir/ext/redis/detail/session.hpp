// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// What calls on one key have in common.
struct key_line {
    std::string parts;                ///< the keys of a decision, as they stand in a call
    std::string tuner_part;           ///< the third key, which only some scripts need
    std::string note;                 ///< a note before its text
    std::size_t home = 0;             ///< the session its settlements go through
    std::atomic<int> unanswered = 0;  ///< settlements whose reply has not been read
};

/// A settlement on its way. Repeating one changes nothing, so it is kept until its reply is read, and sent again on the
/// next connection if there was none: all but the refund of a bare stamp, which is then lost.
struct settlement_call {
    std::shared_ptr<key_line> line;
    std::uint64_t id = 0;
    double at = 0;
    char how = 0;
    bool urgent = false;  ///< others may wait for it
    bool idle = false;    ///< nobody does: it goes with the next message

    [[nodiscard]] bool repeatable() const noexcept { return how != 3; }
};

/// One connection with what is said first on it, and the settlements whose replies are still to come.
///
/// **Thread safety.** None: the pool lends it to one thread at a time. **Errors.** Members throw `store_error`; the
/// connection is closed then, and the settlements are kept.
class session {
public:
    [[nodiscard]] bool is_open() const noexcept { return connection_.is_open(); }
    [[nodiscard]] bool owes() const noexcept { return !waiting_.empty() || !carried_.empty(); }
    [[nodiscard]] instant last_used() const noexcept { return last_used_; }
    [[nodiscard]] bool seems_alive() const noexcept { return connection_.seems_alive(); }

    /// Connects, signs in, loads the scripts and learns the epoch: one round trip besides the connection's own.
    void open(const redis_options& o, std::string_view fresh_epoch) {
        connection_.open(o);
        const std::string epoch_key = o.prefix + ":epoch";
        const std::string db = std::to_string(o.db);
        std::string& out = connection_.out();
        const auto say = [&](std::initializer_list<std::string_view> parts) {
            out += command(std::span{parts.begin(), parts.size()});
        };
        const bool signs_in = !o.password.empty();
        if (signs_in && o.user.empty())
            say({"AUTH", o.password});
        else if (signs_in)
            say({"AUTH", o.user, o.password});
        if (o.db != 0)
            say({"SELECT", db});
        load_scripts();
        say({"SET", epoch_key, fresh_epoch, "NX", "PX", epoch_life});
        say({"GET", epoch_key});
        say({"PEXPIRE", epoch_key, epoch_life});
        const instant deadline = steady_clock{}.now() + o.connect_timeout;
        connection_.set_timeout(o.connect_timeout);
        connection_.write();
        if (signs_in)
            expect(connection_.read(deadline), "sign in", "check user and password, and that the user is on");
        if (o.db != 0)
            expect(connection_.read(deadline), "select the database", "check the database's number");
        read_scripts(deadline);
        expect(connection_.read(deadline), "write the epoch", "name the primary server, with a user that may write");
        const reply epoch = connection_.read(deadline);
        expect(epoch, "read the epoch", "give the user the command GET");
        epoch_ = text_of(*epoch);
        expect(connection_.read(deadline), "renew the epoch", "give the user the command PEXPIRE");
        connection_.set_timeout(o.command_timeout);
        limit_ = o.command_timeout;
        last_used_ = steady_clock{}.now();
    }
    void close() noexcept { connection_.close(); }

    /// The value that lasts as long as the server's memory of us.
    [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
    /// Reads it anew, and sets it where it is gone.
    void renew_epoch(const redis_options& o, std::string_view fresh) {
        const std::string key = o.prefix + ":epoch";
        const std::array<std::string_view, 6> set{"SET", key, fresh, "NX", "PX", epoch_life};
        const std::array<std::string_view, 2> get{"GET", key};
        connection_.out() += command(set) + command(get);
        const instant deadline = begin();
        drain(deadline);
        expect(connection_.read(deadline), "write the epoch", "name the primary server, with a user that may write");
        const reply got = connection_.read(deadline);
        expect(got, "read the epoch", "give the user the command GET");
        epoch_ = text_of(*got);
    }

    /// Runs a script on a key: one round trip, in which the settlements before it go too. `sent` says whether the
    /// server may have carried it out where this throws.
    [[nodiscard]] reply call(script which, const key_line& line, std::span<const double> args, std::string_view tail,
                             std::string_view what, bool& sent) {
        for (int attempt = 0;; ++attempt) {
            notes_.clear();
            for (const settlement_call& s : carried_)
                append_note(notes_, s.id, s.at, s.how);
            append(which, line, args, tail, notes_);
            sent = true;
            const instant deadline = begin();
            drain(deadline);
            reply r = connection_.read(deadline);
            if (r->type != REDIS_REPLY_ERROR) {
                last_used_ = deadline - limit_;
                for (const settlement_call& s : carried_)
                    s.line->unanswered.fetch_sub(1, std::memory_order_release);
                carried_.clear();
                if (!homeless_.empty()) [[unlikely]]
                    tidy();
                return r;
            }
            // Only where the server forgot its scripts is it certain that nothing was done.
            if (text_of(*r).substr(0, 8) != "NOSCRIPT" || attempt > 0)
                expect(r, what, "see the server's log");
            sent = false;
            load_scripts();
            read_scripts(begin());
        }
    }

    /// A settlement that goes in the next call, which is on its key.
    void carry(settlement_call s) { carried_.push_back(std::move(s)); }
    /// Writes a settlement without waiting for its reply.
    void post(settlement_call s) {
        append_noting(connection_.out(), s.line->note, s.id, s.at, s.how);
        may_rest_ = may_rest_ && !s.urgent;
        waiting_.push_back(std::move(s));
    }
    void write_posted() {
        connection_.write_without_waiting(std::exchange(may_rest_, true));
        // Replies are read with the next call; where none comes they must not fill the socket.
        while (waiting_.size() > 64) {
            const reply r = connection_.read_without_waiting();
            if (r == nullptr)
                return;
            answered(*r);
        }
    }

    /// Waits until every settlement posted has its reply.
    void finish() {
        drain(begin());
        if (!homeless_.empty())
            tidy();
        last_used_ = steady_clock{}.now();
    }

    /// Settlements nobody knows the fate of: to be posted again.
    [[nodiscard]] std::deque<settlement_call> take_back() noexcept {
        std::erase_if(waiting_, [](const settlement_call& s) {
            if (!s.repeatable())
                s.line->unanswered.fetch_sub(1, std::memory_order_release);
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

    void append(script which, const key_line& line, std::span<const double> args, std::string_view tail,
                std::string_view notes) {
        std::string& out = connection_.out();
        if (which == script::admit)
            append_call(out, sha_[index(which)], line.parts, args, tail, notes);
        else
            append_call(out, sha_[index(which)], all_key_parts(line.parts, line.tuner_part), args, tail, notes);
    }

    [[nodiscard]] instant begin() {
        connection_.write();
        return steady_clock{}.now() + limit_;
    }
    void load_scripts() {
        for (const std::string_view text : script_texts()) {
            const std::array<std::string_view, 3> parts{"SCRIPT", "LOAD", text};
            connection_.out() += command(parts);
        }
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
        // A refusal (a replica, no memory) is one the next call meets too; the entry then expires. A note that stands
        // alone was written where the head is lost: such a key would never expire.
        if (r.type == REDIS_REPLY_INTEGER && r.integer < static_cast<long long>(head_bytes))
            homeless_.push_back(waiting_.front().line);
        waiting_.front().line->unanswered.fetch_sub(1, std::memory_order_release);
        waiting_.pop_front();
    }
    void tidy() {
        constexpr std::array<double, 3> args{4, server_time, 0};
        auto lines = std::exchange(homeless_, {});
        for (const auto& line : lines)
            append(script::keep, *line, args, {}, {});
        const instant deadline = begin();
        for (std::size_t i = 0; i < lines.size(); ++i)
            static_cast<void>(connection_.read(deadline));
    }

    void expect(const reply& r, std::string_view what, std::string_view advice) {
        if (r->type != REDIS_REPLY_ERROR)
            return;
        const std::string_view word = error_word(text_of(*r));
        if (word == "READONLY")
            advice = "it is a read-only replica; name the primary server";
        else if (word == "NOPERM")
            advice = "the user lacks a command or the keys; docs/stores/redis.md lists them";
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

    connection connection_;
    std::array<std::string, script_count> sha_;
    std::string epoch_;
    std::deque<settlement_call> waiting_;
    std::vector<settlement_call> carried_;
    std::string notes_;
    std::vector<std::shared_ptr<key_line>> homeless_;
    duration limit_{};
    instant last_used_ = long_ago;
    bool may_rest_ = true;
};

}  // namespace weir::redis::detail
