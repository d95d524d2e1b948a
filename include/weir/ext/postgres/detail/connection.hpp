// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/socket_life.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir::postgres::detail {

struct query_result_free {
    void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using query_result = std::unique_ptr<PGresult, query_result_free>;

/// The five characters of the SQLSTATE of a failure; empty if there was none.
[[nodiscard]] inline std::string_view state_of(const PGresult* r) noexcept {
    const char* const text = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return text == nullptr ? std::string_view{} : std::string_view{text};
}
[[nodiscard]] inline bool is_missing(std::string_view state) noexcept {
    return state == "3F000" || state == "42P01" || state == "42883";
}
[[nodiscard]] inline bool is_read_only(std::string_view state) noexcept { return state == "25006"; }
/// Whether the same statement may succeed the next time.
[[nodiscard]] inline bool is_passing(std::string_view state) noexcept {
    return state == "57014" || state == "55P03" || state == "40P01" || state == "40001";
}

/// What the user can do about the server's error.
[[nodiscard]] inline std::string_view advice(std::string_view state) noexcept {
    if (is_read_only(state))
        return "it is read-only: name the primary, or a user who may write";
    if (is_missing(state))
        return "the schema is not there or not whole: allow weir_migrate, or name another weir_schema";
    if (state == "57014")
        return "look for a session that holds a lock, or for an overloaded server, or raise weir_command_timeout_ms";
    if (state == "42P05" || state == "26000")
        return "a pooler between hands connections out by transaction: name the server itself, or have the pooler hand "
               "out sessions (pool_mode = session)";
    if (state == "P0002")
        return "look for row security or a trigger on the tables of the schema";
    if (state == "42501")
        return "grant the user what it lacks, or CREATE on the database while the schema is made";
    return "see the server's log";
}
/// The same for errors without a state, during sign-in.
[[nodiscard]] inline std::string_view advice_on_connecting(std::string_view why) noexcept {
    const auto says = [&](std::string_view what) { return why.find(what) != std::string_view::npos; };
    if (says("authentication") || says("no password") || says("pg_hba.conf"))
        return "check the user, the password and the server's pg_hba.conf";
    if (says("too many") || says("connection slots"))
        return "lower weir_pool, or raise the server's max_connections";
    if (says("does not exist"))
        return "make it, or name another";
    return "is the server running there?";
}

[[nodiscard]] inline store_error failed(std::string_view what, std::string_view server, std::string_view why,
                                        std::string_view what_to_do) {
    return store_error{fmt::format("postgres: cannot {} at {}: {}; {}", what, server, why, what_to_do)};
}

/// One connection to the server. Every wait has a deadline.
///
/// **Thread safety.** None. **Errors.** `store_error`. Then the connection is closed, unless the server refused the
/// statement.
class connection {
public:
    using deadline = std::chrono::steady_clock::time_point;

    explicit connection(std::string server) : server_(std::move(server)), pid_(::getpid()) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    // A child's copy is not closed: that would send a goodbye over the parent's socket.
    ~connection() {
        if (pid_ == ::getpid())
            close();
    }

    [[nodiscard]] PGconn* handle() const noexcept { return handle_; }
    [[nodiscard]] bool is_open() const noexcept { return handle_ != nullptr; }
    [[nodiscard]] const std::string& server() const noexcept { return server_; }
    void close() noexcept {
        PQfinish(handle_);
        handle_ = nullptr;
    }

    /// Takes the open session of another connection, which is closed then.
    void take_over(connection& other) noexcept {
        close();
        handle_ = std::exchange(other.handle_, nullptr);
    }

    void connect(const std::string& text, deadline until) {
        close();
        const std::array<const char*, 3> names{"dbname", "fallback_application_name", nullptr};
        const std::array<const char*, 3> values{text.c_str(), "weir", nullptr};
        handle_ = PQconnectStartParams(names.data(), values.data(), 1);
        if (handle_ == nullptr)
            throw failed("connect", server_, "out of memory", "free some");
        for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(handle_)) {
            if (state == PGRES_POLLING_FAILED || PQstatus(handle_) == CONNECTION_BAD)
                broken("connect");
            wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, "connect");
        }
        PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
        PQsetnonblocking(handle_, 1);
        if (!names_keepalives())
            remote::keep_alive(PQsocket(handle_));
    }

    /// Whether the server has not ended the connection, as far as this is known without a round trip.
    [[nodiscard]] bool seems_alive() const noexcept { return !remote::has_ended(PQsocket(handle_)); }

    /// The next result; null at the end of a statement's results.
    [[nodiscard]] query_result next(deadline until, std::string_view what) {
        if (PQisBusy(handle_) != 0) {
            flush(until, what);
            do {
                wait(POLLIN, until, what);
                consume(what);
            } while (PQisBusy(handle_) != 0);
        }
        return query_result{PQgetResult(handle_)};
    }
    void consume(std::string_view what) {
        if (PQconsumeInput(handle_) == 0)
            broken(what);
    }
    /// Sends all buffered data, and reads at the same time, so that the two sides never wait for each other.
    void flush(deadline until, std::string_view what) {
        for (;;) {
            const int left = PQflush(handle_);
            if (left == 0)
                return;
            if (left < 0)
                broken(what);
            wait(POLLIN | POLLOUT, until, what);
            consume(what);
        }
    }

    /// Runs statements without parameters. Returns the last result, or the first that failed.
    [[nodiscard]] query_result run(const std::string& text, deadline until, std::string_view what) {
        if (PQsendQuery(handle_, text.c_str()) == 0)
            broken(what);
        return last_result(until, what);
    }
    /// The same, in binary, for one statement.
    [[nodiscard]] query_result ask(const std::string& text, deadline until, std::string_view what) {
        if (PQsendQueryParams(handle_, text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) == 0)
            broken(what);
        return last_result(until, what);
    }
    void must(const std::string& text, deadline until, std::string_view what) {
        if (const query_result r = run(text, until, what); r == nullptr || !state_of(r.get()).empty())
            refused(r.get(), what);
    }

    [[noreturn]] void broken(std::string_view what) { broken(what, PQerrorMessage(handle_)); }
    [[noreturn]] void broken(std::string_view what, std::string_view why) {
        // libpq's text may repeat the host. The first line after it is enough.
        if (const auto at = why.rfind("failed: "); at != std::string_view::npos)
            why.remove_prefix(at + 8);
        const std::string text{why.substr(0, why.find('\n'))};
        discard_unsent();
        close();
        throw failed(what, server_, text.empty() ? "the connection ended" : text, advice_on_connecting(text));
    }
    [[noreturn]] void refused(const PGresult* r, std::string_view what) const {
        const char* const said = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
        const std::string_view state = state_of(r);
        throw failed(what, server_, fmt::format("{} ({})", said == nullptr ? "no answer" : said, state), advice(state));
    }

private:
    /// Whether the user has set a keepalive parameter.
    [[nodiscard]] bool names_keepalives() const {
        const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> all{PQconninfo(handle_), &PQconninfoFree};
        for (const PQconninfoOption* o = all.get(); o != nullptr && o->keyword != nullptr; ++o)
            if (std::string_view{o->keyword}.starts_with("keepalives") && o->val != nullptr && *o->val != '\0')
                return true;
        return false;
    }
    [[nodiscard]] query_result last_result(deadline until, std::string_view what) {
        query_result last;
        flush(until, what);
        while (query_result r = next(until, what))
            if (last == nullptr || state_of(last.get()).empty())
                last = std::move(r);
        if (PQstatus(handle_) == CONNECTION_BAD)
            broken(what);
        return last;
    }

    /// Drops what the server has not acknowledged. Otherwise TCP would go on sending it. Then an admission whose caller
    /// has given up would arrive after it was taken back.
    void discard_unsent() noexcept {
        const linger none{1, 0};
        if (const int fd = PQsocket(handle_); fd >= 0)
            static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    }

    void wait(short events, deadline until, std::string_view what) {
        pollfd p{PQsocket(handle_), events, 0};
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            const int ready = left.count() <= 0 ? 0 : ::poll(&p, 1, static_cast<int>(left.count()));
            if (ready > 0)
                return;
            if (ready == 0)
                broken(what, "no answer in time");
            if (errno != EINTR)
                broken(what, "waiting for it failed");
        }
    }

    std::string server_;
    pid_t pid_;
    PGconn* handle_ = nullptr;
};

}  // namespace weir::postgres::detail
