// SPDX-License-Identifier: MIT
//
// What does an acquire cost beside the round trip of a function that updates one row? Blocks of all contenders take
// turns, so that a busy machine slows all of them; see README.md.

#include "weir/ext/postgres/postgres_store.hpp"

#include "../../tests/integration/postgres/support/server.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

/// The floor: the same settings, prepared, binary, and one row updated by a function in the same language.
class floor_of_it {
public:
    floor_of_it(const weir_test::postgres_server& server, std::string_view commit)
        : link_(PQconnectdb(server.dsn().c_str())) {
        run("CREATE SCHEMA IF NOT EXISTS bench; CREATE TABLE IF NOT EXISTS bench.row (id bigint PRIMARY KEY, n bigint) WITH "
            "(fillfactor = 50); INSERT INTO bench.row VALUES (1, 0) ON CONFLICT DO NOTHING; CREATE OR REPLACE FUNCTION "
            "bench.touch(p bigint) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE v bigint; BEGIN UPDATE bench.row SET n = n "
            "+ 1 WHERE id = p RETURNING n INTO v; RETURN v; END $$");
        run("SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; "
            "SET statement_timeout = 1000; SET synchronous_commit = " + std::string{commit});
        PQclear(PQprepare(link_, "touch", "SELECT bench.touch($1)", 0, nullptr));
    }
    floor_of_it(const floor_of_it&) = delete;
    floor_of_it& operator=(const floor_of_it&) = delete;
    ~floor_of_it() { PQfinish(link_); }

    void operator()() const {
        static constexpr char one[8] = {0, 0, 0, 0, 0, 0, 0, 1};
        const char* const values[] = {one};
        const int lengths[] = {8};
        const int formats[] = {1};
        PGresult* const r = PQexecPrepared(link_, "touch", 1, values, lengths, formats, 1);
        if (PQresultStatus(r) != PGRES_TUPLES_OK)
            std::abort();
        PQclear(r);
    }

private:
    void run(const std::string& text) const {
        PGresult* const r = PQexec(link_, text.c_str());
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            std::abort();
        PQclear(r);
    }
    PGconn* link_;
};

struct contender {
    std::string name;
    std::function<void()> once;
    std::vector<double> us{};
};

void race(std::vector<contender>& all, int blocks, int block) {
    for (int b = 0; b < blocks; ++b)
        for (contender& c : all)
            for (int i = 0; i < block; ++i) {
                const auto begin = clock_type::now();
                c.once();
                const std::chrono::duration<double, std::micro> took = clock_type::now() - begin;
                if (b > 0)
                    c.us.push_back(took.count());
            }
    double base_median = 0;
    double base_mean = 0;
    for (contender& c : all) {
        std::ranges::sort(c.us);
        // The mean of all but the slowest hundredth: a descheduled call says nothing about either.
        const auto kept = c.us.size() - c.us.size() / 100;
        double mean = 0;
        for (std::size_t i = 0; i < kept; ++i)
            mean += c.us[i] / static_cast<double>(kept);
        const double median = c.us[c.us.size() / 2];
        if (base_median == 0) {
            base_median = median;
            base_mean = mean;
        }
        std::printf("  %-44s p50 %8.1f us  %.2fx   mean %8.1f us  %.2fx   p99 %8.1f us\n", c.name.c_str(), median,
                    median / base_median, mean, mean / base_mean, c.us[c.us.size() * 99 / 100]);
    }
}

weir::window_plan plan(std::vector<weir::rate> rates, bool from_response) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = from_response ? weir::counting::response : weir::counting::admission;
    return weir::plan_windows(p);
}

}  // namespace

int main(int argc, char** argv) {
    using std::chrono::milliseconds;
    const int blocks = argc > 1 ? std::atoi(argv[1]) : 60;
    if (weir_test::postgres_server::programs().empty()) {
        std::puts("SKIPPED: there is no Postgres server; apt-get install postgresql");
        return 0;
    }
    const weir_test::postgres_server server;
    // Both windows are full of stamps and never deny: 5,000 in 100 ms is more than one connection can do.
    const auto admission = plan({{200, milliseconds{1}}, {5000, milliseconds{100}}}, false);
    const auto response = plan({{200, milliseconds{1}}, {5000, milliseconds{100}}}, true);
    const auto full = plan({{1, std::chrono::hours{1}}}, false);
    const auto tight = plan({{50, milliseconds{2}}, {5000, milliseconds{200}}}, false);
    for (const char* commit : {"on", "off"}) {
        weir::postgres_store store{
            weir::parse_postgres_dsn(server.dsn("weir_pool=1 weir_synchronous_commit=" + std::string{commit})).value()};
        std::vector<std::unique_ptr<weir::postgres_store::slot>> slots;
        const auto slot = [&](std::string_view name) -> weir::postgres_store::slot& {
            return *slots.emplace_back(std::make_unique<weir::postgres_store::slot>(store.make_slot(name, commit)));
        };
        const auto acquire = [&store](weir::postgres_store::slot& s, const weir::window_plan& p, bool settles) {
            return [&store, &s, &p, settles] {
                weir::entry e;
                const auto f = store.admit(s, p, 1, store.now(), weir::detail::free_place{}, e);
                if (settles && f.admits())
                    store.settle(s, p, e, weir::settlement::released, store.now());
            };
        };
        auto& used_up = slot("full");
        acquire(used_up, full, false)();
        const floor_of_it floor{server, commit};
        std::vector<contender> all{
            {"a function that updates one row", [&] { floor(); }},
            {"acquire, 2 windows, from admission", acquire(slot("admission"), admission, false)},
            {"the same, a denied one in every few", acquire(slot("tight"), tight, false)},
            {"acquire and settle, 2 windows, from response", acquire(slot("response"), response, true)},
            {"a denial", acquire(used_up, full, false)}};
        std::printf("synchronous_commit = %s\n", commit);
        race(all, commit == std::string_view{"on"} ? std::max(blocks / 4, 2) : blocks, 100);
    }
    return 0;
}
