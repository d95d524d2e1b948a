// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"
#include "weir/weir.hpp"

#include "../../tests/integration/postgres/support/server.hpp"
#include "../_turns.hpp"

#include <benchmark/benchmark.h>
#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

using namespace std::chrono_literals;

/// The least a decision on the server could be: a function that updates one row, prepared, in binary, under the same
/// settings, on a connection of its own.
class one_row_update {
public:
    one_row_update(const weir_test::postgres_server& server, bool on_disk)
        : line_(PQconnectdb(server.plain_dsn().c_str())) {
        run("CREATE SCHEMA IF NOT EXISTS floor; CREATE TABLE IF NOT EXISTS floor.row (id bigint PRIMARY KEY, n bigint) "
            "WITH (fillfactor = 50); INSERT INTO floor.row VALUES (1, 0) ON CONFLICT DO NOTHING; CREATE OR REPLACE "
            "FUNCTION floor.touch(p bigint) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE v bigint; BEGIN UPDATE "
            "floor.row SET n = n + 1 WHERE id = p RETURNING n INTO v; RETURN v; END $$");
        run("SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan "
            "= off; SET statement_timeout = 1000; SET synchronous_commit = " +
            std::string{on_disk ? "on" : "off"});
        PQclear(PQprepare(line_.get(), "touch", "SELECT floor.touch($1)", 0, nullptr));
    }
    void touch() const {
        static constexpr std::array<char, 8> one{0, 0, 0, 0, 0, 0, 0, 1};
        const char* const value = one.data();
        const int length = 8;
        const int format = 1;
        PGresult* const r = PQexecPrepared(line_.get(), "touch", 1, &value, &length, &format, 1);
        if (PQresultStatus(r) != PGRES_TUPLES_OK)
            std::abort();
        PQclear(r);
    }

private:
    struct closer {
        void operator()(PGconn* c) const noexcept { PQfinish(c); }
    };
    void run(const std::string& text) const {
        PGresult* const r = PQexec(line_.get(), text.c_str());
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            std::abort();
        PQclear(r);
    }
    std::unique_ptr<PGconn, closer> line_;
};

weir::registry<weir::postgres::postgres_store> limits(const std::string& dsn, weir::counting from) {
    // Like 10/SECOND and 5000/HOUR, but so fast that neither is ever full; both are looked into.
    weir::policy p;
    p.rates = {{100, 1ms}, {5'000, 100ms}};
    p.count_from = from;
    return weir::registry<weir::postgres::postgres_store>{
        weir::postgres::postgres_store{weir::postgres::parse_postgres_dsn(dsn).value()},
        weir::configuration::builder{}.defaults("metadata", p).build().value()};
}

void ratios(benchmark::State& state) {
    if (weir_test::postgres_server::programs().empty()) {
        state.SkipWithError("there is no Postgres server here");
        return;
    }
    const bool on_disk = state.range(0) == 1;
    // As on a machine whose disk takes part.
    const weir_test::postgres_server server{{on_disk ? "fsync=on" : "fsync=off"}};
    const one_row_update floor{server, on_disk};
    const std::string dsn = server.plain_dsn(on_disk ? "" : "weir_synchronous_commit=off");
    auto admission = limits(dsn, weir::counting::admission);
    auto response = limits(dsn, weir::counting::response);
    auto counted = admission.at("a.example.org", "metadata");
    auto answered = response.at("b.example.org", "metadata");

    weir_bench::ratios_to([&] { floor.touch(); }, "update_us", counted, answered, [&] { response.store().flush(); }, 50,
                          state);
}

BENCHMARK(ratios)->ArgName("on_disk")->Arg(0)->Iterations(21)->Repetitions(3)->Unit(benchmark::kMillisecond);
BENCHMARK(ratios)->ArgName("on_disk")->Arg(1)->Iterations(21)->Repetitions(3)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
