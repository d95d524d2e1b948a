// SPDX-License-Identifier: MIT
#include "weir/testing/manual_clock.hpp"
#include "weir/weir.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <cstddef>

namespace {

std::size_t heap() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void a_million_keys(benchmark::State& state) {
    for (auto _ : state) {
        weir::testing::manual_clock clock;
        weir::registry limits{weir::memory_store{clock}};
        constexpr int keys = 1'000'000;
        const std::size_t before = heap();
        for (int i = 0; i < keys; ++i)
            limits.acquire(fmt::format("host-{}.example.org", i), "metadata").arrived();
        state.counters["bytes_per_key"] = static_cast<double>(heap() - before) / keys;

        auto key = limits.at("host-1.example.org", "metadata");
        const auto turn = [&] {
            clock.advance(std::chrono::seconds{1});
            key.acquire().arrived();
        };
        for (int i = 0; i < 10'000; ++i)
            turn();
        const std::size_t warm = heap();
        for (int i = 0; i < 10'000'000; ++i)
            turn();
        state.counters["growth_bytes"] = static_cast<double>(heap()) - static_cast<double>(warm);
        state.counters["keys"] = static_cast<double>(limits.size());
    }
}
BENCHMARK(a_million_keys)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
