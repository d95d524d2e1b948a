// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/catch.hpp"
#include "support/slow_link.hpp"
#include "support/store_checks.hpp"
#include "support/store_waits.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

// Another session has locked or deleted a key's row.

namespace {

using namespace std::chrono_literals;
using weir::postgres::postgres_store;
using weir_test::postgres_server;

postgres_store waiting_store(const std::string& dsn, weir::duration entry_ttl = 10min) {
    auto options = weir::postgres::parse_postgres_dsn(dsn).value();
    options.entry_ttl = entry_ttl;
    options.command_timeout = 5s;
    return postgres_store{options};
}

/// Another session's transaction.
class row_lock {
public:
    row_lock(const std::string& dsn, const std::string& schema) : link_(PQconnectdb(dsn.c_str())) {
        run("BEGIN");
        run("SELECT 1 FROM " + schema + ".state FOR UPDATE");
    }
    row_lock(const row_lock&) = delete;
    row_lock& operator=(const row_lock&) = delete;
    ~row_lock() { PQfinish(link_); }

    /// Ends it, and returns the server's time just before, in microseconds since 1970.
    [[nodiscard]] std::int64_t release() const {
        const auto at = std::stoll(run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"));
        run("COMMIT");
        return at;
    }

private:
    std::string run(const std::string& text) const {
        PGresult* const r = PQexec(link_, text.c_str());
        INFO(PQerrorMessage(link_));
        CHECK(*PQresultErrorMessage(r) == '\0');
        std::string out = PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "";
        PQclear(r);
        return out;
    }
    PGconn* link_;
};

}  // namespace

TEST_CASE("postgres: callers wait for a locked row: their stamps have the time after the wait") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=waited weir_pool=8 weir_pool_wait_ms=5000");
    // One unit uses the fast function, more units and a first use the long one.
    for (const std::int64_t cost : {1, 3})
        for (const int used_before : {0, 1, 2}) {
            INFO(cost << " units, used " << used_before << " times before");
            server.run("DROP SCHEMA IF EXISTS waited CASCADE", "dbname=limits");
            auto first = waiting_store(dsn);
            const auto plan = weir::plan_windows(weir_test::rates({{20, 400ms}}, weir::counting::admission));
            auto make = first.make_slot("h.org", "metadata");
            static_cast<void>(first.read(make, plan, first.now()));
            weir::entry e;
            for (int i = 0; i < used_before; ++i)
                CHECK(first.admit(make, plan, 1, first.now(), e).admits());
            std::this_thread::sleep_for(450ms);
            std::vector<std::int64_t> stamps(4);
            std::int64_t released = 0;
            {
                const row_lock lock{server.dsn("dbname=limits"), "waited"};
                std::vector<std::jthread> callers;
                for (std::int64_t& stamp : stamps)
                    callers.emplace_back([&] {
                        auto store = waiting_store(dsn);
                        auto slot = store.make_slot("h.org", "metadata");
                        weir::entry mine;
                        if (store.admit(slot, plan, cost, store.now(), mine).admits())
                            stamp = postgres_store::counted_at(mine).value().count();
                    });
                std::this_thread::sleep_for(600ms);
                released = lock.release();
            }
            for (const std::int64_t stamp : stamps)
                CHECK(stamp >= released - 1'000);
            // They count from now on: the wait does not shorten the window.
            CHECK(first.read(make, plan, first.now()).windows.at(0).used == 4 * cost);
        }
}

TEST_CASE("postgres: callers wait for a locked row: their entries begin at the time after the wait") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=waited_open weir_pool=8 weir_pool_wait_ms=5000");
    for (const auto from : {weir::counting::response, weir::counting::admission})
        for (const int used_before : {0, 2}) {
            INFO((from == weir::counting::response ? "response" : "admission") << ", used " << used_before);
            server.run("DROP SCHEMA IF EXISTS waited_open CASCADE", "dbname=limits");
            auto first = waiting_store(dsn, 700ms);
            weir::policy p = weir_test::rates({{20, 1h}}, from);
            p.max_concurrent = 20;
            const auto plan = weir::plan_windows(p);
            auto slot = first.make_slot("h.org", "metadata");
            static_cast<void>(first.read(slot, plan, first.now()));
            for (int i = 0; i < used_before; ++i) {
                weir::entry e;
                CHECK(first.admit(slot, plan, 1, first.now(), e).admits());
                first.settle(slot, plan, e, weir::settlement::refunded, first.now());
            }
            first.flush();
            {
                const row_lock lock{server.dsn("dbname=limits"), "waited_open"};
                std::vector<std::jthread> callers;
                for (int i = 0; i < 4; ++i)
                    callers.emplace_back([&] {
                        auto store = waiting_store(dsn, 700ms);
                        auto mine = store.make_slot("h.org", "metadata");
                        weir::entry e;
                        CHECK(store.admit(mine, plan, 1, store.now(), e).admits());
                    });
                std::this_thread::sleep_for(900ms);
                static_cast<void>(lock.release());
            }
            CHECK(first.read(slot, plan, first.now()).in_flight == 4);
            std::this_thread::sleep_for(800ms);
            CHECK(first.read(slot, plan, first.now()).in_flight == 0);
        }
}

TEST_CASE("postgres: rows that are deleted by hand are made again by every verb, in time, and for all processes") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=gone");
    const auto plan = weir::plan_windows(weir_test::rates({{3, 1h}}));
    const std::string mine = "dbname=limits";
    for (const std::string what :
         {"DELETE FROM gone.state", "DELETE FROM gone.key", "DELETE FROM gone.key; DELETE FROM gone.state",
          "DELETE FROM gone.log; DELETE FROM gone.block; DELETE FROM gone.state", "TRUNCATE gone.state CASCADE"})
        for (int verb = 0; verb < 6; ++verb) {
            INFO(what << ", verb " << verb);
            server.run("DROP SCHEMA IF EXISTS gone CASCADE", mine);
            auto knows = waiting_store(dsn);
            auto late = waiting_store(dsn);
            auto slot = knows.make_slot("h.org", "metadata");
            weir::entry e;
            CHECK(knows.admit(slot, plan, 1, knows.now(), e).admits());
            knows.settle(slot, plan, e, weir::settlement::released, knows.now());
            knows.flush();
            server.run(what, mine);
            const auto began = std::chrono::steady_clock::now();
            auto theirs = late.make_slot("h.org", "metadata");
            auto& store = verb % 2 == 0 ? knows : late;
            auto& other = verb % 2 == 0 ? late : knows;
            auto& here = verb % 2 == 0 ? slot : theirs;
            auto& there = verb % 2 == 0 ? theirs : slot;
            if (verb < 2)
                CHECK(store.hold(here, store.now() + 1ms));
            else if (verb < 4)
                static_cast<void>(store.learn(here, [](weir::tuner_state s) { return ++s.answers, s; }));
            std::this_thread::sleep_for(2ms);
            // The processes share one budget.
            CHECK(store.admit(here, plan, 1, store.now(), e).admits());
            CHECK(other.admit(there, plan, 1, other.now(), e).admits());
            CHECK(store.admit(here, plan, 1, store.now(), e).admits());
            CHECK_FALSE(other.admit(there, plan, 1, other.now(), e).admits());
            CHECK_FALSE(store.admit(here, plan, 1, store.now(), e).admits());
            CHECK(std::chrono::steady_clock::now() - began < 1s);
            CHECK(server.run("SELECT count(*) FROM gone.key", mine) == "1");
            CHECK(server.run("SELECT count(*) FROM gone.state", mine) == "1");
        }
}

TEST_CASE("postgres: rows that row security hides give an error with that reason, and no loop") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    {
        auto first = waiting_store(server.plain_dsn("weir_schema=hidden"));
        CHECK(weir_test::trouble_of(first).empty());
    }
    server.run("ALTER TABLE hidden.state ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden.state FORCE ROW LEVEL SECURITY; "
               "CREATE POLICY add ON hidden.state FOR INSERT WITH CHECK (true)",
               "dbname=limits");
    auto store = waiting_store(server.plain_dsn("weir_schema=hidden"));
    const auto began = std::chrono::steady_clock::now();
    const std::string said = weir_test::trouble_of(store);
    INFO(said);
    CHECK(said.find("row security") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - began < 1s);
}

TEST_CASE("postgres: more threads than connections, and a server that works: it makes all decisions") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    weir_test::slow_link link{server.folder() + "/.s.PGSQL.5432", {30ms, 0}, weir_test::seed_for("postgres busy pool")};
    const std::string dsn = "host=127.0.0.1 port=" + std::to_string(link.port()) +
                            " user=limiter dbname=limits sslmode=disable gssencmode=disable weir_schema=busy_pool ";
    const auto make = [&](const std::string& more) {
        return postgres_store{weir::postgres::parse_postgres_dsn(dsn + more).value()};
    };
    {
        auto first = make("");
        CHECK(weir_test::trouble_of(first).empty());
    }
    weir_test::check_busy_pool([&] { return make(""); }, 2, 12, 12);
    weir_test::check_busy_pool([&] { return make("weir_pool=1 weir_pool_wait_ms=20"); }, 2, 6, 6, 10'000);
}

TEST_CASE("postgres: if a server refuses a further connection, verbs wait for the open ones") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=few weir_pool=6");
    {
        auto first = waiting_store(dsn);
        CHECK(weir_test::trouble_of(first).empty());
    }
    server.run("ALTER ROLE limiter CONNECTION LIMIT 2");
    weir_test::check_busy_pool([&] { return postgres_store{weir::postgres::parse_postgres_dsn(dsn).value()}; }, 1, 8,
                               8);
    server.run("ALTER ROLE limiter CONNECTION LIMIT -1");
}

TEST_CASE("postgres: a locked row costs one timeout, and every retry_at is in the future") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=hanging weir_command_timeout_ms=500");
    weir::registry limits{
        postgres_store{weir::postgres::parse_postgres_dsn(dsn).value()},
        weir::configuration::builder{}.defaults("metadata", weir_test::rates({{100, 1s}})).build().value()};
    const auto ask = [&] { return limits.try_acquire("h.org", "metadata"); };
    CHECK(ask());
    {
        const row_lock lock{server.dsn("dbname=limits"), "hanging"};
        weir_test::check_hanging(limits, ask, 500ms);
        static_cast<void>(lock.release());
    }
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("h.org", "metadata").arrived();
    CHECK(std::chrono::steady_clock::now() - began < 1s);
}

TEST_CASE("postgres: a connection that the server closed while it was idle costs no request") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    for (const auto from : {weir::counting::response, weir::counting::admission})
        for (const bool waits_for_timeout : {false, true}) {
            const std::string dsn = server.plain_dsn(
                std::string{"weir_schema=idle"} + (waits_for_timeout ? " options='-c idle_session_timeout=300'" : ""));
            weir::registry limits{postgres_store{weir::postgres::parse_postgres_dsn(dsn).value()},
                                  weir::configuration::builder{}
                                      .defaults("metadata", weir_test::rates({{100, 1s}}, from))
                                      .build()
                                      .value()};
            limits.acquire("h.org", "metadata").arrived();
            std::this_thread::sleep_for(waits_for_timeout ? 600ms : 50ms);
            if (!waits_for_timeout) {
                server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'weir'");
                std::this_thread::sleep_for(50ms);
            }
            auto got = limits.try_acquire("h.org", "metadata");
            CHECK(got);
            if (got)
                std::move(got).take().arrived();
            limits.store().flush();
            CHECK(limits.inspect("h.org", "metadata")->state.open == 0);
        }
}

TEST_CASE(
    "postgres: the schema is dropped: no process gets units for that, in any order of calls, and it is an event") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const auto plan = weir::plan_windows(weir_test::rates({{10, 2s}}));
    const std::string dsn = server.plain_dsn("weir_schema=taken_away");
    const auto asks = [&](postgres_store& store) {
        auto slot = store.make_slot("k.org", "metadata");
        int admitted = 0;
        for (int i = 0; i < 12; ++i)
            admitted += store.count(slot, plan, 1, store.now()).admits() ? 1 : 0;
        return admitted;
    };
    for (const bool late_first : {true, false}) {
        server.run("DROP SCHEMA IF EXISTS taken_away CASCADE", "dbname=limits");
        auto knew = waiting_store(dsn);
        CHECK(asks(knew) == 10);
        CHECK_FALSE(knew.take_notice().has_value());
        server.run("DROP SCHEMA taken_away CASCADE", "dbname=limits");
        if (late_first) {
            auto late = waiting_store(dsn);
            CHECK(asks(late) == 0);
        }
        CHECK(asks(knew) == 0);
        auto last = waiting_store(dsn);
        CHECK(asks(last) == 0);
        const auto notice = knew.take_notice();
        REQUIRE(notice.has_value());
        CHECK(notice->type == weir::store_notice::kind::history_lost);
        CHECK(notice->text.find("made anew") != std::string::npos);
        std::this_thread::sleep_for(2'100ms);
        CHECK(asks(last) == 10);
    }
}
