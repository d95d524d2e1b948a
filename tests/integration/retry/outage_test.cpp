// SPDX-License-Identifier: MIT
//
// An origin that fails for a while, and several processes that retry: what it gets, and how soon they recover.
// WEIR_OUTAGE_SECONDS=60 is the long form.

#include "weir/http/retrying.hpp"

#include "integration/curl/support/nginx.hpp"
#include "integration/postgres/support/server.hpp"
#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/workers.hpp"

#include "weir/ext/curl/transport.hpp"
#include "weir/ext/postgres/postgres_store.hpp"
#include "weir/ext/redis/redis_store.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"
#include "weir/http/limited.hpp"
#include "weir/observe/observer.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// An nginx that answers 500 until a file is there, and writes a line for each request.
struct failing_origin {
    failing_origin() {
        server.emplace_back(std::make_unique<weir_test::nginx>(
            files,
            fmt::format(
                "log_format moments '$status'; server {{ listen 127.0.0.1:{}; access_log {} moments; "
                "keepalive_requests 1000000; location / {{ if (-f {}) {{ return 200 good; }} return 500 bad; }} }}",
                port, files / "access.log", files / "healthy"),
            port));
    }
    [[nodiscard]] std::int64_t requests() const {
        std::ifstream log{files / "access.log"};
        return std::count(std::istreambuf_iterator<char>{log}, std::istreambuf_iterator<char>{}, '\n');
    }
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/", port); }

    weir_test::scratch files;
    std::uint16_t port = weir_test::free_port();
    std::vector<std::unique_ptr<weir_test::nginx>> server;
};

struct admissions {
    void on_event(const weir::event& e) const { *count += e.type == weir::event_type::acquire ? 1 : 0; }
    std::shared_ptr<std::atomic<std::int64_t>> count = std::make_shared<std::atomic<std::int64_t>>(0);
};

struct outage_result {
    std::int64_t firsts = 0;
    std::int64_t permits = 0;
    std::int64_t good = 0;
    std::int64_t slowest_recovery_ms = 0;
};

weir::configuration outage_limits() {
    weir::policy p;
    p.rates = {{100, 1s}};
    p.max_delay = 30s;
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

/// Sends from four threads until the origin has been healthy for a second, and adds what came of it to a file.
template <class Store>
void work_through_outage(Store store, const failing_origin& origin, std::chrono::duration<double> outage, bool heals,
                         steady_clock::time_point began, const std::string& to) {
    admissions seen;
    weir::registry limits{std::move(store), outage_limits(), seen};
    weir::http::retrying http(weir::http::limited(weir::curl::transport{}, limits), limits);
    const auto healthy = began + std::chrono::duration_cast<steady_clock::duration>(outage);
    std::atomic<std::int64_t> firsts = 0, good = 0;
    std::atomic<std::int64_t> recovered_ms = 1'000'000;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                while (steady_clock::now() < healthy + 1s) {
                    const auto got = http.try_send({.url = origin.url()});
                    ++firsts;
                    if (got && got->status == 200) {
                        ++good;
                        const auto now = steady_clock::now() - healthy;
                        std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
                        for (auto before = recovered_ms.load(); ms < before;)
                            if (recovered_ms.compare_exchange_weak(before, ms))
                                break;
                    }
                }
            });
        if (heals) {
            std::this_thread::sleep_until(healthy);
            origin.files.write("healthy", "");
        }
    }
    std::ofstream{to} << firsts << ' ' << *seen.count << ' ' << good << ' ' << recovered_ms << '\n';
}

template <class MakeStore>
void check_outage(const std::string& name, int processes, MakeStore&& make_store, int budgets = 1) {
    if (!weir_test::nginx::is_here())
        WEIR_SKIP("nginx is not installed (apt-get install nginx-light)");
    const failing_origin origin;
    const char* const asked = std::getenv("WEIR_OUTAGE_SECONDS");
    const double seconds = asked != nullptr ? std::atof(asked) : 3;
    const auto began = steady_clock::now();
    const auto file = [&](int p) { return origin.files / fmt::format("seen{}", p); };
    const int failed = weir_test::in_processes(processes, [&](int p) {
        work_through_outage(make_store(), origin, std::chrono::duration<double>{seconds}, p == 0, began, file(p));
    });
    CHECK(failed == 0);
    outage_result all;
    for (int p = 0; p < processes; ++p) {
        outage_result one;
        std::ifstream{file(p)} >> one.firsts >> one.permits >> one.good >> one.slowest_recovery_ms;
        all.firsts += one.firsts;
        all.permits += one.permits;
        all.good += one.good;
        all.slowest_recovery_ms = std::max(all.slowest_recovery_ms, one.slowest_recovery_ms);
    }
    const std::int64_t attempts = origin.requests();
    const double factor = static_cast<double>(attempts) / static_cast<double>(all.firsts);
    std::cout << fmt::format("{}: {} first attempts, {} attempts ({:.3f}x), recovered after {} ms at the latest\n",
                             name, all.firsts, attempts, factor, all.slowest_recovery_ms)
              << std::flush;
    CHECK(all.firsts > 100);
    CHECK(all.good > 0);
    CHECK(attempts == all.permits);
    CHECK(attempts > all.firsts);
    // One more in each ten seconds, for each budget.
    CHECK(attempts <= all.firsts + all.firsts / 10 + budgets * (static_cast<std::int64_t>(seconds + 1) / 10 + 2));
    CHECK(all.slowest_recovery_ms <= 1000);
}

}  // namespace

TEST_CASE("retrying: an outage costs a tenth more requests, and recovery less than a second: memory") {
    check_outage("memory", 1, [] { return weir::memory_store{}; });
}

TEST_CASE("retrying: an outage costs four processes a tenth more requests together: SQLite") {
    const weir_test::scratch here;
    check_outage("sqlite", 4, [&] {
        weir::sqlite::sqlite_options o;
        o.path = here / "limits.db";
        return weir::sqlite::sqlite_store{o};
    });
}

TEST_CASE("retrying: an outage costs four processes a tenth more requests together: Redis") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    check_outage("redis", 4,
                 [&] { return weir::redis::redis_store{weir::redis::parse_redis_dsn(server.tcp()).value()}; });
}

TEST_CASE("retrying: an outage costs four processes a tenth more requests together: Postgres") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    check_outage("postgres", 4, [&] {
        return weir::postgres::postgres_store{weir::postgres::parse_postgres_dsn(server.dsn()).value()};
    });
}
