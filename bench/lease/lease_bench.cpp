// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/backend.hpp"
#include "weir/ext/redis/backend.hpp"
#include "weir/ext/sqlite/backend.hpp"
#include "weir/weir.hpp"

#include "weir/registry/open_store.hpp"

#include "../../tests/integration/postgres/support/server.hpp"
#include "../../tests/integration/redis/support/server.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using limits = weir::registry<weir::any_store>;

std::unique_ptr<limits> opened(std::string_view kind, const std::string& dsn, std::int64_t lease) {
    weir::policy p;
    p.rates = {{1'000'000, 1s}, {3'000'000, 3s}};
    p.lease = lease;
    return std::make_unique<limits>(
        weir::open_store({std::string{kind}, dsn},
                         {weir::sqlite::backend, weir::redis::backend, weir::postgres::backend})
            .value(),
        weir::configuration::builder{}.defaults("metadata", p).build().value());
}

struct contender {
    std::unique_ptr<limits> registry;
    decltype(std::declval<limits&>().at("", "")) key;
    std::int64_t acquired = 0;
    std::chrono::duration<double> took{};

    void turn() {
        const auto began = std::chrono::steady_clock::now();
        do {
            for (int i = 0; i < 100; ++i)
                key.acquire().arrived();
            acquired += 100;
        } while (std::chrono::steady_clock::now() - began < 50ms);
        took += std::chrono::steady_clock::now() - began;
    }
    [[nodiscard]] double a_second() const { return static_cast<double>(acquired) / took.count(); }
};

void leases(benchmark::State& state, std::string_view kind, const std::string& dsn) {
    std::array<contender, 2> all{[&] {
        const auto make = [&](std::int64_t lease) {
            auto r = opened(kind, dsn, lease);
            auto key = r->at(lease == 1 ? "one.example.org" : "many.example.org", "metadata");
            return contender{std::move(r), std::move(key)};
        };
        return std::array{make(1), make(100)};
    }()};
    for (auto _ : state)
        for (contender& one : all)
            one.turn();
    state.counters["single_per_s"] = all[0].a_second();
    state.counters["leased_per_s"] = all[1].a_second();
    state.counters["ratio"] = all[1].a_second() / all[0].a_second();
}

void ratio(benchmark::State& state) {
    switch (state.range(0)) {
    case 0: {
        const std::filesystem::path file{"lease_bench.db"};
        leases(state, "sqlite", "sqlite:" + file.string());
        for (const char* end : {"", "-wal", "-shm"})
            std::filesystem::remove(file.string() + end);
        break;
    }
    case 1:
        if (weir_test::redis_server::program().empty()) {
            state.SkipWithError("there is no redis-server or valkey-server here");
        } else {
            const weir_test::redis_server server;
            leases(state, "redis", server.tcp());
        }
        break;
    default:
        if (weir_test::postgres_server::programs().empty()) {
            state.SkipWithError("there is no Postgres server here");
        } else {
            const weir_test::postgres_server server;
            leases(state, "postgres", server.plain_dsn("weir_synchronous_commit=off"));
        }
    }
}
BENCHMARK(ratio)->ArgName("backend")->DenseRange(0, 2)->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
