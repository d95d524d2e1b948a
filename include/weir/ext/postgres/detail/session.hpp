// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/connection.hpp"
#include "weir/ext/postgres/detail/loss_watch.hpp"
#include "weir/ext/postgres/detail/presence.hpp"
#include "weir/ext/postgres/detail/schema.hpp"
#include "weir/ext/postgres/detail/slot_state.hpp"
#include "weir/ext/postgres/detail/wire.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::postgres::detail {

enum class verb : std::uint8_t {
    admit,
    stamp,
    open,
    settle,
    hold,
    open_gate,
    tune,
    learn,
    read,
    erase,
    sweep,
    hello,
    renew,
    holders,
    reap
};

/// The statement of each verb: its name, and the types of its parameters (b = bigint, t = bytea, a = bigint[]).
struct statement {
    const char* name;
    std::string_view types;
};
inline constexpr std::array<statement, 15> statements{{{"admit", "bttbbbbbba"},
                                                       {"stamp", "bttbba"},
                                                       {"open", "bttbbbbba"},
                                                       {"settle", "bbbbbbbba"},
                                                       {"hold", "bttbb"},
                                                       {"open_gate", "btt"},
                                                       {"tune", "bttb"},
                                                       {"learn", "bttbaba"},
                                                       {"read", "bttbabb"},
                                                       {"erase", "bttb"},
                                                       {"sweep", "bb"},
                                                       {"hello", "b"},
                                                       {"renew", "bbbbbbt"},
                                                       {"holders", ""},
                                                       {"reap", "bttaabb"}}};

/// A connection that knows the verbs. A verb is sent and its reply is awaited. Settlements are sent, and their replies
/// are read together with later replies.
///
/// **Thread safety.** None: the thread that borrowed it from the pool uses it. **Errors.** `store_error`. If the
/// outcome is unknown, the session is then closed.
class session {
public:
    using settlement = settlement_call;

    session(const postgres_options* options, const std::string& server, loss_watch* losses, remote::own_presence* here)
        : options_(*options), losses_(*losses), presence_(*here), connection_(server), outdated_(server) {}

    // ---- opening

    /// Connects, makes or checks the schema, and prepares the verbs.
    void open() {
        using namespace std::chrono_literals;
        close();
        try {
            const auto until = after(options_.connect_timeout);
            connection_.connect(options_.connection, until);
            const greeting said = greet(until);
            prepare(after(std::max<duration>(options_.connect_timeout / 2, 50ms)));
            answered_ = std::chrono::steady_clock::now();
            losses_.opened(said);
            outdated_.close();
        } catch (...) {
            close();
            throw;
        }
    }
    void close() noexcept {
        connection_.close();
        answered_ = {};
    }
    [[nodiscard]] bool is_open() const noexcept { return connection_.is_open(); }
    /// Whether it is open, as far as this is known without a round trip. A session that answered a moment ago is not
    /// checked.
    [[nodiscard]] bool seems_alive() const noexcept {
        return is_open() && (std::chrono::steady_clock::now() - answered_ < std::chrono::milliseconds{1} ||
                             connection_.seems_alive());
    }

    // ---- verbs

    /// Sends a verb. False: it was certainly not sent, and the session is closed.
    [[nodiscard]] bool send(verb which, parameter_list& values, std::optional<settlement_call> what = {},
                            std::atomic<std::int64_t>* cursor = nullptr) {
        if (PQsendQueryPrepared(connection_.handle(), statements[static_cast<std::size_t>(which)].name, values.count(),
                                values.values(), values.lengths(), parameter_list::formats(), 1) == 0) {
            close();
            return false;
        }
        // From here on, bytes may have been sent.
        pending_.push_back({which, std::move(what), cursor});
        if (PQpipelineSync(connection_.handle()) == 0)
            connection_.broken(statements[static_cast<std::size_t>(which)].name);
        return true;
    }
    /// Awaits the reply to the last verb, and before it all earlier replies.
    [[nodiscard]] std::vector<std::int64_t> await() {
        const auto until = after(options_.command_timeout + options_.command_timeout / 4);
        std::vector<std::int64_t> reply;
        while (!pending_.empty())
            reply = take_reply(until);
        answered_ = std::chrono::steady_clock::now();
        return reply;
    }

    /// Sends a sign of life if one is due. Its reply is read with the next verb's.
    void renew_if_due() {
        if (!presence_.begin(steady_clock{}.now())) [[likely]]
            return;
        parameter_list values;
        put_presence(values, presence_);
        static_cast<void>(send(verb::renew, values));
    }

    // ---- settlements

    /// Sends settlements from the front until the session is full.
    void send(std::deque<settlement_call>& posted, const remote::key_route*) {
        const instant now = steady_clock{}.now();
        while (!posted.empty() && is_open() && !is_full()) {
            settlement_call s = std::move(posted.front());
            posted.pop_front();
            parameter_list values = settle_parameters(s, now);
            try {
                if (!send(verb::settle, values, s))
                    return posted.push_front(std::move(s));
            } catch (const store_error&) {
                return;  // sent, or lost with the connection: take_undone handles it
            }
        }
    }
    /// Reads the replies that have arrived, if there are many.
    void catch_up() {
        if (pending_.size() < max_unread / 2)
            return;
        connection_.consume("settle");
        while (!pending_.empty() && PQisBusy(connection_.handle()) == 0)
            static_cast<void>(take_reply(after(options_.command_timeout)));
    }
    [[nodiscard]] bool is_full() const noexcept { return pending_.size() >= max_unread; }
    void finish() { static_cast<void>(await()); }
    [[nodiscard]] bool owes() const noexcept { return !pending_.empty(); }
    [[nodiscard]] bool has_undone() const noexcept { return !undone_.empty() || (!is_open() && owes()); }
    /// The settlements that were not carried out and, if the session is closed, those whose outcome is unknown.
    [[nodiscard]] std::deque<settlement_call> take_undone() {
        std::deque<settlement_call> out = std::exchange(undone_, {});
        if (is_open())
            return out;
        for (reply_due& p : pending_) {
            if (!p.settlement)
                continue;
            if (p.settlement->how != settle_verb::refund_stamp)
                out.push_back(std::move(*p.settlement));
            else  // it may have been carried out, and must not be repeated
                p.settlement->route().unanswered.fetch_sub(1);
        }
        pending_.clear();
        return out;
    }

private:
    /// The maximum of settlements without a reply. At this number a verb waits for the replies.
    static constexpr std::size_t max_unread = 256;
    using deadline = connection::deadline;
    struct reply_due {
        verb which;
        std::optional<settlement_call> settlement;
        std::atomic<std::int64_t>* cursor;  ///< where the next sweep continues
    };

    [[nodiscard]] static deadline after(duration d) { return std::chrono::steady_clock::now() + d; }

    [[nodiscard]] parameter_list settle_parameters(const settlement_call& s, instant now) const {
        parameter_list values;
        values.number(s.id);
        if (options_.injected_time)
            values.number(s.at.time_since_epoch().count());
        else
            values.nothing();
        values.number(options_.injected_time ? 0 : std::max<std::int64_t>(0, (now - s.at).count()));
        for (const std::int64_t n : {s.entry, static_cast<std::int64_t>(s.how), s.argument, s.kept, s.longest})
            values.number(n);
        values.numbers(s.ended);
        return values;
    }

    // ---- opening

    greeting greet(deadline until) {
        static constexpr std::string_view what = "greet";
        // The verbs were written for these settings, whatever the defaults of the user or the database are.
        connection_.must(
            fmt::format("SET synchronous_commit = {}; SET statement_timeout = {}; SET lock_timeout = 0; "
                        "SET default_transaction_isolation = 'read committed'; SET search_path = pg_catalog; "
                        "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
                        "SET enable_bitmapscan = off; SET client_min_messages = error",
                        options_.synchronous_commit ? "on" : "off",
                        std::chrono::ceil<std::chrono::milliseconds>(options_.command_timeout).count()),
            until, what);
        const std::string hello =
            fmt::format("SELECT \"{}\".hello({})", options_.schema, options_.synchronous_commit ? 0 : 1);
        query_result r = connection_.ask(hello, until, what);
        const auto version = [&] {
            const auto said = numbers(r.get());
            return said.empty() ? schema_version : said[0];
        };
        if (options_.migrate && (is_missing(state_of(r.get())) || version() < schema_version)) {
            migrate();
            r = connection_.ask(hello, after(options_.connect_timeout), what);
        }
        if (PQresultStatus(r.get()) != PGRES_TUPLES_OK)
            connection_.refused(r.get(), fmt::format("use schema {}", options_.schema));
        const auto said = greeting_of(numbers(r.get()));
        const auto unfit = [&](std::string_view why, std::string_view what_to_do) {
            return failed(fmt::format("use schema {}", options_.schema), connection_.server(), why, what_to_do);
        };
        if (!said)
            throw unfit("it is not one of ours", "name another weir_schema");
        if (said->version != schema_version)
            throw unfit(fmt::format("it is of version {}, and this program's is {}", said->version, schema_version),
                        "use the newer program everywhere, with weir_migrate, or name another weir_schema");
        if (said->read_only)
            throw unfit("nothing can be written", advice("25006"));
        if (said->unlogged != options_.unlogged)
            throw unfit(fmt::format("it was made with weir_unlogged={}", said->unlogged ? "on" : "off"),
                        "write the same, or name another weir_schema");
        // This lock shows that the schema is in use. A process that finds no schema, but this lock, detects a loss.
        connection_.must(fmt::format("SELECT pg_advisory_lock_shared({}, -3)", lock_class(options_.schema)), until,
                         what);
        return *said;
    }

    /// Makes the schema or updates it, in one transaction. If several processes try, one does it, and the others find
    /// it done.
    void migrate() {
        const auto until = after(std::chrono::seconds{30});
        const std::string what = fmt::format("make schema {}", options_.schema);
        connection_.must(fmt::format("BEGIN; SET LOCAL statement_timeout = 30000; SELECT pg_advisory_xact_lock({}, -2)",
                                     lock_class(options_.schema)),
                         until, what);
        const auto ask = [&](const std::string& text) {
            query_result r = connection_.run(fmt::format(fmt::runtime(text), options_.schema), until, what);
            if (PQresultStatus(r.get()) != PGRES_TUPLES_OK || PQntuples(r.get()) != 1)
                connection_.refused(r.get(), what);
            return std::string{PQgetvalue(r.get(), 0, 0)};
        };
        if (ask("SELECT to_regnamespace('\"{}\"') IS NOT NULL") == "f")
            connection_.must(fmt::format("CREATE SCHEMA \"{}\"", options_.schema), until, what);
        std::int64_t version = 0;
        if (ask("SELECT to_regclass('\"{}\".meta') IS NOT NULL") == "t")
            version = std::stoll(ask("SELECT version FROM \"{}\".meta"));
        if (version < schema_version)
            connection_.must(migration_text(version, options_.schema, options_.unlogged), until, what);
        if (version == 0)
            note_drop(ask, until, what);
        connection_.must("COMMIT", until, what);
    }

    /// Records a loss if other sessions use a schema of this name: it was dropped, and its history is gone. The lock of
    /// a process that has just ended disappears a moment later, so the check is repeated.
    template <class Ask>
    void note_drop(Ask&& ask, deadline until, const std::string& what) {
        const std::string used = fmt::format(
            "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid::bigint = {} AND "
            "l.objid::bigint = 4294967293 AND l.objsubid = 2 AND l.pid <> pg_backend_pid() AND l.database = (SELECT "
            "d.oid FROM pg_database d WHERE d.datname = current_database()))",
            lock_class(options_.schema));
        for (int i = 0; i < 5; ++i) {
            if (ask(used) == "f")
                return;
            static_cast<void>(ask("SELECT 1 FROM pg_sleep(0.02)"));
        }
        connection_.must(fmt::format("UPDATE \"{}\".meta SET lost_at = clock_timestamp()", options_.schema), until,
                         what);
    }

    /// Prepares the verbs, in one round trip, and stays in pipeline mode.
    void prepare(deadline until) {
        static constexpr std::string_view what = "prepare statements";
        if (PQenterPipelineMode(connection_.handle()) == 0)
            connection_.broken(what);
        for (const statement& s : statements) {
            std::string text = fmt::format("SELECT \"{}\".{}(", options_.schema, s.name);
            std::array<Oid, parameter_list::max> types{};
            for (std::size_t i = 0; i < s.types.size(); ++i) {
                text += fmt::format("{}${}", i == 0 ? "" : ", ", i + 1);
                types[i] = s.types[i] == 'b' ? 20 : s.types[i] == 't' ? 17 : 1016;
            }
            text += ")";
            if (PQsendPrepare(connection_.handle(), s.name, text.c_str(), static_cast<int>(s.types.size()),
                              types.data()) == 0)
                connection_.broken(what);
        }
        if (PQpipelineSync(connection_.handle()) == 0)
            connection_.broken(what);
        query_result wrong;
        for (std::size_t i = 0; i < statements.size(); ++i) {
            query_result r = connection_.next(until, what);
            if (PQresultStatus(r.get()) != PGRES_COMMAND_OK && wrong == nullptr)
                wrong = std::move(r);
            static_cast<void>(connection_.next(until, what));
        }
        static_cast<void>(connection_.next(until, what));
        if (wrong != nullptr)
            connection_.refused(wrong.get(), what);
    }

    // ---- replies

    [[nodiscard]] static std::vector<std::int64_t> numbers(const PGresult* r) {
        if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1 || PQnfields(r) != 1 || PQgetisnull(r, 0, 0) != 0)
            return {};
        return parse_numbers({PQgetvalue(r, 0, 0), static_cast<std::size_t>(PQgetlength(r, 0, 0))})
            .value_or(std::vector<std::int64_t>{});
    }

    /// The next reply: its result, the end of its results, and the end of its transaction.
    std::vector<std::int64_t> take_reply(deadline until) {
        const std::string_view name = statements[static_cast<std::size_t>(pending_.front().which)].name;
        const query_result r = connection_.next(until, name);
        std::vector<std::int64_t> said = numbers(r.get());
        if (PQstatus(connection_.handle()) == CONNECTION_BAD)
            connection_.broken(name);
        static_cast<void>(connection_.next(until, name));
        const query_result mark = connection_.next(until, name);
        if (mark == nullptr || PQresultStatus(mark.get()) != PGRES_PIPELINE_SYNC)
            connection_.broken(name);
        reply_due done = std::move(pending_.front());
        pending_.pop_front();
        const std::string_view state = state_of(r.get());
        if (done.which == verb::renew) {
            if (said.size() == 2)
                presence_.book.succeeded(said[1]);
            else
                presence_.book.failed(steady_clock{}.now());
            return said;  // a failure is not reported, because the verb itself meets it too, or can do without
        }
        if (done.settlement && is_passing(state))
            undone_.push_back(std::move(*done.settlement));
        else if (done.settlement)
            done.settlement->route().unanswered.fetch_sub(1);
        if (!said.empty()) {
            if (done.cursor != nullptr)
                done.cursor->store(said[0]);
            return said;
        }
        if (state.empty())
            connection_.broken(name, "the answer is not one of ours");
        // A failed sweep is not reported, because the next verb meets the same failure.
        if (done.cursor != nullptr)
            return {};
        // A server that became read-only, or whose schema is gone, needs a new greeting.
        const bool ends = is_missing(state) || is_read_only(state);
        if (done.settlement && !ends)
            return {};
        try {
            connection_.refused(r.get(), name);
        } catch (...) {
            if (is_missing(state))
                outdated_.take_over(connection_);
            if (ends)
                close();
            throw;
        }
    }

    const postgres_options& options_;
    loss_watch& losses_;
    remote::own_presence& presence_;
    connection connection_;
    /// The session before, if its schema is gone. Its lock shows to the process that makes the schema again that there
    /// was one, so it is closed only after the next greeting.
    connection outdated_;
    std::deque<reply_due> pending_;
    std::deque<settlement_call> undone_;
    deadline answered_{};
};

static_assert(remote::pooled_session<session>);

}  // namespace weir::postgres::detail
