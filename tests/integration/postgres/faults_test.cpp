// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/store_checks.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;
using weir::postgres::postgres_store;
using weir_test::load;
using weir_test::postgres_server;
using weir_test::rates;
using weir_test::trouble_of;

postgres_store a_store(const std::string& dsn) {
    return postgres_store{weir::postgres::parse_postgres_dsn(dsn).value()};
}

std::string trouble_of(const std::string& dsn) {
    auto store = a_store(dsn);
    return weir_test::trouble_of(store);
}
bool says(const std::string& sentence, std::string_view what) { return sentence.find(what) != std::string::npos; }

template <class Fault>
load loaded(const std::string& dsn, const weir::policy& p, Fault&& fault, weir::duration after = 800ms) {
    {
        // The schema is there, so that both begin at once.
        auto first = a_store(dsn);
        CHECK(trouble_of(first, p, "first.org").empty());
    }
    return {[&] { return a_store(dsn); }, p, fault, after};
}

/// A session of somebody else, in a transaction.
class other_session {
public:
    explicit other_session(const std::string& dsn) : link_(PQconnectdb(dsn.c_str())) { run("BEGIN"); }
    other_session(const other_session&) = delete;
    other_session& operator=(const other_session&) = delete;
    ~other_session() { PQfinish(link_); }
    void run(const char* text) const {
        PGresult* const r = PQexec(link_, text);
        INFO(PQerrorMessage(link_));
        CHECK(*PQresultErrorMessage(r) == '\0');
        PQclear(r);
    }

private:
    PGconn* link_;
};

}  // namespace

TEST_CASE("postgres: without a server there is an error at once with its address, and no storm of attempts") {
    auto store = a_store("postgresql://someone:hunter2@127.0.0.1:1/limits");
    const auto began = std::chrono::steady_clock::now();
    const std::string first = trouble_of(store);
    for (int i = 0; i < 2'000; ++i)
        CHECK_FALSE(trouble_of(store).empty());
    CHECK(std::chrono::steady_clock::now() - began < 2s);
    INFO(first);
    CHECK(says(first, "127.0.0.1:1, database limits"));
    CHECK(says(first, "is the server running there?"));
    CHECK_FALSE(says(first, "hunter2"));
    CHECK(says(trouble_of(store), "next attempt is in"));
}

TEST_CASE("postgres: a registry without its server denies with the cause, and goes on when the server is there") {
    WEIR_NEEDS_POSTGRES();
    postgres_server server;
    server.stop();
    weir::registry limits{a_store(server.plain_dsn()),
                          weir::configuration::builder{}.defaults("metadata", rates({{10, 1s}})).build().value()};
    const auto no = limits.try_acquire("h.org", "metadata");
    REQUIRE_FALSE(no);
    CHECK(no.decision().cause == weir::cause::store);
    server.start();
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("h.org", "metadata").arrived();
    CHECK(std::chrono::steady_clock::now() - began < 2s);
}

TEST_CASE("postgres: sessions are ended under load: no window over, and nothing stays open") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    int ended = 0;
    auto l = loaded(
        server.plain_dsn("weir_schema=ended"), rates({{100, 100ms}}),
        [&] {
            for (int i = 0; i < 30; ++i) {
                ended += std::stoi(server.run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                                              "application_name = 'weir' AND random() < 0.5"));
                std::this_thread::sleep_for(20ms);
            }
        },
        700ms);
    l.tell(std::to_string(ended) + " sessions ended");
    CHECK(ended > 5);
    CHECK(l.open_at_end == 0);
    CHECK(l.losses == 0);
    CHECK(l.first_after < 1'000 * load::ms);
    CHECK(l.seen.windows_over(100, 100 * load::ms) == 0);
}

TEST_CASE("postgres: the server stops for more than a reply may take: no window over, back at once") {
    WEIR_NEEDS_POSTGRES();
    auto& server = postgres_server::common();
    auto l = loaded(server.plain_dsn("weir_schema=stopped"), rates({{100, 100ms}, {700, 1s}}), [&] {
        server.freeze();
        std::this_thread::sleep_for(weir_test::pause_of(1500ms));
        server.thaw();
    });
    l.tell("SIGSTOP");
    CHECK(l.first_after < 1'000 * load::ms);
    CHECK(l.open_at_end == 0);
    CHECK(l.seen.windows_over(100, 100 * load::ms) == 0);
    CHECK(l.seen.windows_over(700, 1'000 * load::ms) == 0);
}

TEST_CASE("postgres: the server is killed under load: committed history is there, and keys warm up for the rest") {
    WEIR_NEEDS_POSTGRES();
    postgres_server server;
    const auto fault = [&] {
        server.kill();
        server.start();
    };
    auto kept = loaded(server.plain_dsn("weir_schema=kept"), rates({{50, 100ms}, {400, 2s}}), fault);
    kept.tell("killed");
    CHECK(kept.losses == 0);
    CHECK(kept.open_at_end == 0);
    CHECK(kept.first_after < 1'500 * load::ms);
    CHECK(kept.seen.windows_over(50, 100 * load::ms) == 0);
    CHECK(kept.seen.windows_over(400, 2'000 * load::ms) == 0);

    for (const char* how : {"unlogged=on", "synchronous_commit=off"}) {
        auto lost = loaded(server.plain_dsn(std::string{"weir_schema=lost_"} + how[0] + " weir_" + how),
                           rates({{50, 200ms}, {100'000, 1h}}), fault, 600ms);
        lost.tell(std::string{"killed, "} + how);
        CHECK(lost.losses >= 1);
        // An answer that was forgotten leaves its entry open until it expires.
        CHECK((lost.open_at_end == 0 || how[0] == 's'));
        CHECK(lost.first_after < 1'500 * load::ms);
        CHECK(lost.seen.windows_over(50, 200 * load::ms) == 0);
    }

    // Who comes later is told as well, and may choose not to care.
    CHECK(trouble_of(server.plain_dsn("weir_schema=lost_u weir_unlogged=on")).empty());
    const auto plan = weir::plan_windows(rates({{10, 1h}}));
    for (const bool warms_up : {true, false}) {
        auto store = a_store(server.plain_dsn(std::string{"weir_schema=lost_u weir_unlogged=on weir_on_lost_history="} +
                                              (warms_up ? "warm_up" : "ignore")));
        auto slot = store.make_slot("new.org", "metadata");
        const auto f = store.count(slot, plan, 1, store.now());
        CHECK(f.admits() == !warms_up);
        if (warms_up)
            CHECK(f.at > store.now() + 59min);
    }
}

TEST_CASE("postgres: the schema is dropped under load: it is made anew, and the shortest window is not over") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    auto l = loaded(server.plain_dsn("weir_schema=dropped"), rates({{50, 200ms}, {100'000, 1h}}),
                    [&] { server.run("DROP SCHEMA dropped CASCADE", "dbname=limits"); });
    l.tell("schema dropped");
    CHECK(l.losses >= 2);
    CHECK(l.open_at_end == 0);
    CHECK(l.first_after < 1'500 * load::ms);
    CHECK(l.seen.windows_over(50, 200 * load::ms) == 0);
}

TEST_CASE("postgres: a schema that another process made again is detected on an old connection") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    auto store = a_store(server.plain_dsn("weir_schema=anew weir_pool=1"));
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = weir::plan_windows(rates({{10, 1h}}));
    CHECK(store.count(slot, plan, 1, store.now()).admits());
    server.run("DROP SCHEMA anew CASCADE", "dbname=limits");
    auto other = a_store(server.plain_dsn("weir_schema=anew"));
    CHECK(trouble_of(other, rates({{10, 1s}}), "other.org").empty());
    weir::entry e;
    const auto f = store.admit(slot, plan, 1, store.now(), e);
    CHECK(store.losses() == 1);
    CHECK_FALSE(f.admits());
    CHECK(f.cause == weir::cause::window);
    CHECK(f.at > store.now() + 59min);
    store.flush();
    CHECK(store.read(slot, plan, store.now()).open == 0);
}

TEST_CASE("postgres: a lost admission is taken back, and costs nothing but time") {
    WEIR_NEEDS_POSTGRES();
    auto& server = postgres_server::common();
    auto store = a_store(server.plain_dsn("weir_schema=taken_back weir_command_timeout_ms=80"));
    weir_test::check_taken_back(store, server, 100ms);
}

TEST_CASE(
    "postgres: a row that another session locks gives an error in time, and settlements in the meantime are not lost") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    auto store = a_store(server.plain_dsn("weir_schema=locked weir_command_timeout_ms=200"));
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = weir::plan_windows(rates({{10, 1h}}));
    weir::entry e;
    CHECK(store.admit(slot, plan, 1, store.now(), e).admits());
    {
        const other_session other{server.dsn("dbname=limits")};
        other.run("SELECT * FROM locked.state FOR UPDATE");
        const auto began = std::chrono::steady_clock::now();
        const std::string said = trouble_of(store);
        INFO(said);
        CHECK(says(said, "holds a lock"));
        CHECK(std::chrono::steady_clock::now() - began < 1s);
        // Other keys are not held up.
        CHECK(trouble_of(store, rates({{10, 1s}}), "other.org").empty());
        store.settle(slot, plan, e, weir::settlement::released, store.now());
        std::this_thread::sleep_for(300ms);
        CHECK_THROWS_AS(store.read(slot, plan, store.now()), weir::store_error);
    }
    store.flush();
    const auto seen = store.read(slot, plan, store.now());
    CHECK(seen.open == 0);
    CHECK(seen.windows.at(0).used == 1);
}

TEST_CASE("postgres: all connections are in use: an error within the time that was set") {
    WEIR_NEEDS_POSTGRES();
    auto& server = postgres_server::common();
    auto store = a_store(server.plain_dsn("weir_schema=busy weir_pool=1 weir_pool_wait_ms=50"));
    weir_test::check_in_use(store, server, "raise weir_pool");
}

TEST_CASE("postgres: many processes make one schema at once, and all find it") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    for (const char* schema : {"together_a", "together_b", "together_c"}) {
        const std::string dsn = server.plain_dsn(std::string{"weir_connect_timeout_ms=10000 weir_schema="} + schema);
        const int failed = weir_test::in_processes(6, [&](int) {
            auto store = a_store(dsn);
            auto slot = store.make_slot("h.org", "metadata");
            if (!store.count(slot, weir::plan_windows(rates({{10, 1h}})), 1, store.now()).admits())
                throw weir::store_error{"it was denied"};
        });
        CHECK(failed == 0);
        auto store = a_store(dsn);
        auto slot = store.make_slot("h.org", "metadata");
        CHECK(store.read(slot, weir::plan_windows(rates({{10, 1h}})), store.now()).windows.at(0).used == 6);
    }
}

TEST_CASE("postgres: many processes find a schema of an older version, one updates it, and nothing is lost") {
    WEIR_NEEDS_POSTGRES();
    namespace detail = weir::postgres::detail;
    const auto& server = postgres_server::common();
    const std::string mine = "user=limiter dbname=limits";
    const auto text_of = [](const std::string& version) {
        std::ifstream file{WEIR_SOURCE_DIR "/tests/integration/postgres/support/schemas/version_" + version + ".sql"};
        REQUIRE(file);
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    for (std::int64_t version = 1; version < detail::schema_version; ++version) {
        INFO("from version " << version);
        server.run("DROP SCHEMA IF EXISTS first CASCADE; CREATE SCHEMA first", mine);
        for (std::int64_t v = 1; v <= version; ++v)
            server.run(text_of(std::to_string(v)), mine);
        REQUIRE(server.run("SELECT version FROM first.meta", mine) == std::to_string(version));
        // As a program of before uses it, on a session that stays.
        const other_session before{server.dsn(mine)};
        const auto use = [&] {
            before.run("SELECT first.admit(0, 'h.org', 'metadata', NULL, 1, 1, 1, 7, 3600000000000, "
                       "'{0,64,3600000000000,10,3600000000000}')");
            before.run("SELECT first.settle((SELECT id FROM first.key), NULL, 0, 7, 1, 1, 64, 3600000000000, '{}')");
            before.run("SELECT first.read(0, 'h.org', 'metadata', NULL, '{3600000000000}', 64, 3600000000000)");
        };
        use();
        before.run("SELECT first.tune(0, 'h.org', 'metadata', 250000)");
        before.run("COMMIT");

        const std::string refused = trouble_of(server.plain_dsn("weir_schema=first weir_migrate=off"));
        INFO(refused);
        CHECK(says(refused, "it is of version " + std::to_string(version) + ", and this program's is " +
                                std::to_string(detail::schema_version)));
        CHECK(says(refused, "weir_migrate"));

        const std::string dsn = server.plain_dsn("weir_connect_timeout_ms=10000 weir_schema=first");
        const auto plan = weir::plan_windows(rates({{10, 1h}}));
        const int failed = weir_test::in_processes(6, [&](int) {
            auto store = a_store(dsn);
            auto slot = store.make_slot("h.org", "metadata");
            if (store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).factor !=
                weir::multiplier::of(0.25))
                throw weir::store_error{"the factor is gone"};
            if (!store.count(slot, plan, 1, store.now()).admits())
                throw weir::store_error{"it was denied"};
        });
        CHECK(failed == 0);
        use();
        auto store = a_store(dsn);
        auto slot = store.make_slot("h.org", "metadata");
        CHECK(store.learn(slot, [](const weir::tuner_state& s) { return s; }).answers == 6);
        CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 8);
        CHECK(server.run("SELECT version FROM first.meta", mine) == std::to_string(detail::schema_version));
    }
}

TEST_CASE("postgres: a user without write access gets an error that says what to do") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    server.run("CREATE ROLE stranger LOGIN");
    const auto as_stranger = [&](std::string_view more) {
        return "host=" + server.folder() + " user=stranger dbname=limits " + std::string{more};
    };
    CHECK(says(trouble_of(as_stranger("weir_schema=theirs")), "CREATE on the database"));
    CHECK(says(trouble_of(as_stranger("weir_schema=theirs weir_migrate=off")), "allow weir_migrate"));
    CHECK(trouble_of(server.plain_dsn("weir_schema=ours")).empty());
    CHECK(says(trouble_of(as_stranger("weir_schema=ours")), "grant the user what it lacks"));
    // What docs/stores/postgres.md says is enough.
    for (const char* grant : {"GRANT USAGE ON SCHEMA ours TO stranger",
                              "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ours TO stranger",
                              "GRANT USAGE ON ALL SEQUENCES IN SCHEMA ours TO stranger"})
        server.run(grant, "dbname=limits");
    auto store = a_store(as_stranger("weir_schema=ours weir_migrate=off"));
    auto slot = store.make_slot("s.org", "metadata");
    const auto plan = weir::plan_windows(rates({{200, 1h}}));
    for (int i = 0; i < 150; ++i) {
        weir::entry e;
        REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
        store.settle(slot, plan, e, i % 10 == 0 ? weir::settlement::refunded : weir::settlement::released, store.now());
    }
    CHECK(store.hold(slot, store.now() + 10ms));
    store.tune(slot, weir::multiplier::of(0.5));
    CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 1);
    store.flush();
    CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 135);
    store.erase(slot);
    std::int64_t from = 0;
    CHECK(store.sweep(from) >= 0);

    server.run("ALTER ROLE stranger SET default_transaction_read_only = on");
    CHECK(says(trouble_of(as_stranger("weir_schema=ours")), "name the primary, or a user who may write"));
    CHECK(says(trouble_of("host=" + server.folder() + " user=nobody_knows dbname=limits password=hunter2"),
               "make it, or name another"));
}

TEST_CASE("postgres: a schema of another kind or version is not used") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = postgres_server::common();
    const std::string dsn = server.plain_dsn("weir_schema=versions");
    CHECK(trouble_of(dsn).empty());
    CHECK(says(trouble_of(dsn + " weir_unlogged=on"), "it was made with weir_unlogged=off"));
    server.run("UPDATE versions.meta SET version = 99", "dbname=limits");
    CHECK(says(trouble_of(dsn), "it is of version 99"));
    server.run(
        "CREATE SCHEMA foreign_one; CREATE TABLE foreign_one.meta (version int, nonsense int); GRANT ALL ON SCHEMA "
        "foreign_one TO limiter",
        "dbname=limits");
    const std::string said = trouble_of(server.plain_dsn("weir_schema=foreign_one"));
    INFO(said);
    CHECK(says(said, "foreign_one"));
}
