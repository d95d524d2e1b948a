// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/key_record.hpp"
#include "weir/ext/postgres/detail/schema.hpp"
#include "weir/ext/postgres/detail/wire.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::detail {

enum class pg_verb : std::uint8_t { admit, stamp, open, settle, hold, tune, read, erase, sweep };

/// What each verb sends: its name, and the types of its parameters (b = bigint, t = bytea, a = bigint[]).
struct pg_statement {
    const char* name;
    std::string_view types;
};
inline constexpr std::array<pg_statement, 9> pg_statements{{{"admit", "bttbbbbbba"},
{"stamp", "bttbba"},
{"open", "bttbbbbba"},
                                                            {"settle", "bbbbbbbb"},
                                                            {"hold", "bttbb"},
                                                            {"tune", "bttb"},
                                                            {"read", "bttbabb"},
                                                            {"erase", "btt"},
                                                            {"sweep", "bb"}}};

struct pg_result_free {
    void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using pg_result = std::unique_ptr<PGresult, pg_result_free>;

/// What the server said against a statement, with the advice that goes with it.
[[nodiscard]] inline std::string pg_advice(std::string_view state) {
    if (state == "25006")
        return "it is read-only, a replica perhaps: let backend.dsn name the primary";
    if (state == "57014")
        return "it took longer than weir_timeout: see whether the server is overloaded, or raise the timeout";
    if (state == "42501")
        return "grant the role what it lacks, or CREATE on the database for the first start";
    if (state == "53300")
        return "lower weir_pool or raise max_connections";
    if (state == "28P01" || state == "28000")
        return "check user and password of backend.dsn, and pg_hba.conf";
    if (state == "3D000")
        return "create the database, or let backend.dsn name another";
    if (state == "3F000" || state == "42P01" || state == "42883")
        return "the schema is not there or not whole: allow weir_migrate, or name another weir_schema";
    return "see the server's log";
}

/// One connection: opened with a deadline, then in pipeline mode for good. A verb is sent and its reply awaited;
/// settlements are sent and their replies read when there is something else to read.
///
/// **Thread safety.** None: whoever took it from the pool. **Errors.** `store_error`; a connection that failed in mid
/// reply is closed.
class pg_connection {
public:
    struct greeting {
        std::int64_t epoch;
        std::int64_t lost_ago;  ///< ns since the server lost history; -1 = never
    };

    explicit pg_connection(const postgres_options& options) : options_(options), pid_(::getpid()) {}
    pg_connection(const pg_connection&) = delete;
    pg_connection& operator=(const pg_connection&) = delete;
    // A child's copy is left alone: to close it would say goodbye on the parent's socket.
    ~pg_connection() {
        if (pid_ == ::getpid())
            close();
    }

    /// Connects, makes or checks the schema, prepares the verbs.
    greeting open() {
        close();
        try {
            const deadline until = after(options_.connect_timeout);
            connect(until);
            PQsetNoticeProcessor(link_, [](void*, const char*) {}, nullptr);
            PQsetnonblocking(link_, 1);
            const auto said = greet(until);
            prepare(until);
            return said;
        } catch (...) {
            close();
            throw;
        }
    }

    void close() noexcept {
        PQfinish(link_);
        link_ = nullptr;
        answered_ = {};
    }

    /// Whether it is open, as far as can be told without asking: a server that went away has closed its end.
    [[nodiscard]] bool usable() noexcept {
        if (link_ == nullptr)
            return false;
        // One that answered a moment ago is taken at its word.
        if (std::chrono::steady_clock::now() - answered_ < std::chrono::milliseconds{5})
            return true;
        char byte = 0;
        const auto got = ::recv(PQsocket(link_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        return got > 0 && !pending_.empty();  // unasked, a server only says goodbye
    }

    /// Sends a verb. False: it certainly did not leave, and the connection is closed.
    [[nodiscard]] bool send(pg_verb verb, pg_parameters_list& values, std::optional<pg_settlement> what = {},
                            std::atomic<std::int64_t>* cursor = nullptr) {
        const auto& statement = pg_statements[static_cast<std::size_t>(verb)];
        if (PQsendQueryPrepared(link_, statement.name, values.count(), values.values(), values.lengths(),
                                pg_parameters_list::formats(), 1) == 0) {
            return false;
        }
        // From here on bytes may have left.
        pending_.push_back({verb, std::move(what), cursor});
        if (PQpipelineSync(link_) == 0)
            broken("sending to the server", PQerrorMessage(link_));
        return true;
    }

    /// Awaits the reply to the last verb sent, and with it all before it.
    [[nodiscard]] std::vector<std::int64_t> await() {
        const deadline until = after(options_.timeout);
        std::vector<std::int64_t> reply;
        while (!pending_.empty())
            reply = take_reply(until);
        answered_ = std::chrono::steady_clock::now();
        return reply;
    }

    /// Reads what replies have come.
    void drain() {
        if (PQconsumeInput(link_) == 0)
            broken("reading from the server", PQerrorMessage(link_));
        while (!pending_.empty() && PQisBusy(link_) == 0) {
            try {
                static_cast<void>(take_reply(after(options_.timeout)));
            } catch (const store_error&) {
                if (link_ == nullptr)
                    throw;
            }
        }
    }

    [[nodiscard]] std::size_t unread() const noexcept { return pending_.size(); }

    /// The settlements whose outcome is unknown now that it is closed.
    [[nodiscard]] std::vector<pg_settlement> lost() {
        std::vector<pg_settlement> out;
        for (reply_due& p : pending_)
            if (p.settlement)
                out.push_back(std::move(*p.settlement));
        pending_.clear();
        return out;
    }

private:
    using deadline = std::chrono::steady_clock::time_point;
    struct reply_due {
        pg_verb verb;
        std::optional<pg_settlement> settlement;
        std::atomic<std::int64_t>* cursor;  ///< where a sweep that nobody waits for goes on
    };

    [[nodiscard]] static deadline after(duration d) { return std::chrono::steady_clock::now() + d; }

    [[noreturn]] void broken(std::string_view attempted, std::string_view why) {
        // libpq's text may name hosts, never a password; its first line says enough.
        if (const auto at = why.rfind("failed: "); at != std::string_view::npos)
            why.remove_prefix(at + 8);
        std::string text{why.substr(0, why.find('\n'))};
        close();
        throw store_error(fmt::format("postgres: {} failed: {}; check that it runs and that backend.dsn names it",
                                      attempted, text.empty() ? "the connection ended" : text));
    }

    [[noreturn]] static void refused(const PGresult* r, std::string_view attempted) {
        const auto field = [r](int which) -> std::string_view {
            const char* const text = PQresultErrorField(r, which);
            return text == nullptr ? "" : text;
        };
        const std::string_view state = field(PG_DIAG_SQLSTATE);
        throw store_error(fmt::format("postgres: {} was refused: {} ({}); {}", attempted,
                                      field(PG_DIAG_MESSAGE_PRIMARY), state, pg_advice(state)));
    }

    void wait(short events, deadline until, std::string_view attempted) {
        pollfd p{PQsocket(link_), events, 0};
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            const int ready = left.count() <= 0 ? 0 : ::poll(&p, 1, getenv("NOTO") ? -1 : static_cast<int>(left.count()));
            if (ready > 0)
                return;
            if (ready == 0)
                broken(attempted, "no answer in time");
            if (errno != EINTR)
                broken(attempted, "poll");
        }
    }

    void connect(deadline until) {
        static constexpr std::string_view attempted = "connecting to the server";
        const std::array<const char*, 3> names{"dbname", "fallback_application_name", nullptr};
        const std::array<const char*, 3> values{options_.connection.c_str(), "weir", nullptr};
        link_ = PQconnectStartParams(names.data(), values.data(), 1);
        if (link_ == nullptr)
            throw store_error("postgres: connecting to the server failed: out of memory; free some");
        for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(link_)) {
            if (state == PGRES_POLLING_FAILED || PQstatus(link_) == CONNECTION_BAD)
                broken(attempted, PQerrorMessage(link_));
            wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, attempted);
        }
    }

    /// A result of a statement that is not pipelined; the last one if there are several, the first that failed.
    pg_result result_of(deadline until, std::string_view attempted) {
        pg_result last;
        for (;;) {
            flush(until, attempted);
            while (PQisBusy(link_) != 0) {
                wait(POLLIN, until, attempted);
                if (PQconsumeInput(link_) == 0)
                    broken(attempted, PQerrorMessage(link_));
            }
            pg_result r{PQgetResult(link_)};
            if (r == nullptr)
                return last;
            if (last == nullptr || PQresultStatus(last.get()) != PGRES_FATAL_ERROR)
                last = std::move(r);
        }
    }
    pg_result run(const std::string& text, deadline until, std::string_view attempted) {
        if (PQsendQuery(link_, text.c_str()) == 0)
            broken(attempted, PQerrorMessage(link_));
        return result_of(until, attempted);
    }
    void must(const std::string& text, deadline until, std::string_view attempted) {
        const pg_result r = run(text, until, attempted);
        if (r == nullptr || PQresultStatus(r.get()) == PGRES_FATAL_ERROR)
            refused(r.get(), attempted);
    }
    void flush(deadline until, std::string_view attempted) {
        for (;;) {
            const int left = PQflush(link_);
            if (left == 0)
                return;
            if (left < 0)
                broken(attempted, PQerrorMessage(link_));
            wait(POLLIN | POLLOUT, until, attempted);
            if (PQconsumeInput(link_) == 0)
                broken(attempted, PQerrorMessage(link_));
        }
    }

    greeting greet(deadline until) {
        static constexpr std::string_view attempted = "greeting the server";
        must(fmt::format("SET synchronous_commit = {}; SET statement_timeout = {}; SET lock_timeout = 0; SET jit = off;"
                         "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
                         "SET enable_bitmapscan = off; SET client_min_messages = error",
                         options_.synchronous_commit ? "on" : "off",
                         std::chrono::ceil<std::chrono::milliseconds>(options_.timeout).count()),
             until, attempted);
        const std::string hello = fmt::format("SELECT {}.hello({})", options_.schema, !options_.synchronous_commit);
        pg_result r = ask(hello, until);
        if (is_missing(r.get()) && options_.migrate) {
            migrate();
            r = ask(hello, after(options_.connect_timeout));
        }
        if (PQresultStatus(r.get()) != PGRES_TUPLES_OK)
            refused(r.get(), fmt::format("using schema {}", options_.schema));
        const auto said = numbers(r.get());
        if (said.size() != 5)
            throw store_error(
                fmt::format("postgres: schema {} is not one of ours; name another weir_schema", options_.schema));
        if (said[0] != pg_schema_version)
            throw store_error(
                fmt::format("postgres: schema {} is of version {}, and this program knows {}; bring the older "
                            "one up to date, or name another weir_schema",
                            options_.schema, said[0], pg_schema_version));
        if (said[4] != 0)
            throw store_error(fmt::format("postgres: the server takes no admissions: {}", pg_advice("25006")));
        if ((said[3] != 0) != options_.unlogged)
            throw store_error(
                fmt::format("postgres: schema {} was made with weir_unlogged={}; say the same, or name another "
                            "weir_schema",
                            options_.schema, said[3] != 0 ? "on" : "off"));
        return {said[1], said[2]};
    }
    pg_result ask(const std::string& text, deadline until) {
        static constexpr std::string_view attempted = "asking the server";
        if (PQsendQueryParams(link_, text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) == 0)
            broken(attempted, PQerrorMessage(link_));
        return result_of(until, attempted);
    }
    [[nodiscard]] static bool is_missing(const PGresult* r) {
        const char* const state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        const std::string_view s = state == nullptr ? "" : state;
        return s == "3F000" || s == "42P01" || s == "42883";
    }

    /// Makes the schema in one transaction; of several processes that try, one does and the others find it done.
    void migrate() {
        const deadline until = after(std::chrono::seconds{30});
        const std::string attempted = fmt::format("creating schema {}", options_.schema);
        must(fmt::format("BEGIN; SET LOCAL statement_timeout = 30000; SELECT pg_advisory_xact_lock({}, -2)",
                         pg_lock_class(options_.schema)),
             until, attempted);
        const pg_result there =
            run(fmt::format("SELECT to_regnamespace('{0}') IS NOT NULL, to_regclass('{0}.meta') IS NOT NULL",
                            options_.schema),
                until, attempted);
        if (PQresultStatus(there.get()) != PGRES_TUPLES_OK)
            refused(there.get(), attempted);
        const auto has = [&there](int column) { return *PQgetvalue(there.get(), 0, column) == 't'; };
        if (!has(0))
            must(fmt::format("CREATE SCHEMA {}", options_.schema), until, attempted);
        if (!has(1))
            must(pg_schema_text(options_.schema, options_.unlogged), until, attempted);
        must("COMMIT", until, attempted);
    }

    void prepare(deadline until) {
        static constexpr std::string_view attempted = "preparing statements";
        if (PQenterPipelineMode(link_) == 0)
            broken(attempted, PQerrorMessage(link_));
        for (const pg_statement& s : pg_statements) {
            std::string text = fmt::format("SELECT {}.{}(", options_.schema, s.name);
            std::array<Oid, pg_parameters_list::most> types{};
            for (std::size_t i = 0; i < s.types.size(); ++i) {
                text += fmt::format("{}${}", i == 0 ? "" : ", ", i + 1);
                types[i] = s.types[i] == 'b' ? 20 : s.types[i] == 't' ? 17 : 1016;
            }
            text += ")";
            if (PQsendPrepare(link_, s.name, text.c_str(), static_cast<int>(s.types.size()), types.data()) == 0)
                broken(attempted, PQerrorMessage(link_));
        }
        if (PQpipelineSync(link_) == 0)
            broken(attempted, PQerrorMessage(link_));
        pg_result failed;
        for (std::size_t i = 0; i < pg_statements.size(); ++i) {
            pg_result r = next(until);
            if (PQresultStatus(r.get()) != PGRES_COMMAND_OK && failed == nullptr)
                failed = std::move(r);
            static_cast<void>(next(until));
        }
        static_cast<void>(next(until));
        if (failed != nullptr)
            refused(failed.get(), attempted);
    }

    pg_result next(deadline until) {
        static constexpr std::string_view attempted = "waiting for the server's answer";
        if (PQisBusy(link_) != 0) {
            flush(until, attempted);
            do {
                wait(POLLIN, until, attempted);
                if (PQconsumeInput(link_) == 0)
                    broken(attempted, PQerrorMessage(link_));
            } while (PQisBusy(link_) != 0);
        }
        return pg_result{PQgetResult(link_)};
    }

    [[nodiscard]] static std::vector<std::int64_t> numbers(const PGresult* r) {
        if (PQntuples(r) != 1 || PQnfields(r) != 1 || PQgetisnull(r, 0, 0) != 0)
            return {};
        return parse_pg_numbers({PQgetvalue(r, 0, 0), static_cast<std::size_t>(PQgetlength(r, 0, 0))})
            .value_or(std::vector<std::int64_t>{});
    }

    /// The next reply: its result, the end of its results, the mark of its transaction.
    std::vector<std::int64_t> take_reply(deadline until) {
        const pg_result r = next(until);
        const bool ok = PQresultStatus(r.get()) == PGRES_TUPLES_OK;
        std::vector<std::int64_t> said = ok ? numbers(r.get()) : std::vector<std::int64_t>{};
        if (PQstatus(link_) == CONNECTION_BAD)
            broken("waiting for the server's answer", PQerrorMessage(link_));
        static_cast<void>(next(until));
        const pg_result mark = next(until);
        if (mark == nullptr || PQresultStatus(mark.get()) != PGRES_PIPELINE_SYNC)
            broken("waiting for the server's answer", PQerrorMessage(link_));
        const reply_due done = std::move(pending_.front());
        pending_.pop_front();
        if (done.settlement)
            done.settlement->key->unsettled.fetch_sub(1);
        if (ok && !said.empty()) {
            if (done.cursor != nullptr)
                done.cursor->store(said[0]);
            return said;
        }
        if (done.settlement || done.cursor != nullptr) {
            if (!ok && ends_connection(r.get()))
                broken("settling", "the server cannot go on");
            return {};
        }
        if (!ok) {
            const bool ends = ends_connection(r.get());
            try {
                refused(r.get(), fmt::format("{} in schema {}", pg_statements[static_cast<std::size_t>(done.verb)].name,
                                             options_.schema));
            } catch (...) {
                if (ends)
                    close();
                throw;
            }
        }
        broken("reading the server's answer", "it is not one of ours");
    }
    /// A read-only server, or one whose schema is gone, is greeted anew.
    [[nodiscard]] static bool ends_connection(const PGresult* r) {
        const char* const state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        return is_missing(r) || (state != nullptr && std::string_view{state} == "25006");
    }

    const postgres_options& options_;
    const pid_t pid_;
    PGconn* link_ = nullptr;
    std::deque<reply_due> pending_;
    deadline answered_{};
};

}  // namespace weir::detail
