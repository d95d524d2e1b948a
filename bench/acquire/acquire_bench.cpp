// SPDX-License-Identifier: MIT
#include "weir/weir.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// The memory store's own clock, whose time runs 2^26 times too fast, so that 10/SECOND and 5000/HOUR are never full
/// and every decision is a grant on a log of realistic length. It lasts for 137 s, longer than all the runs together.
struct hasty_clock {
    [[nodiscard]] weir::instant now() const noexcept {
        return weir::instant{weir::duration{(weir::fast_clock{}.now_unfenced() - began).count() << 26}};
    }
    weir::instant began = weir::fast_clock{}.now();
};

weir::configuration limits_of(weir::counting from) {
    weir::policy p;
    p.rates = {{10, 1s}, {5000, 1h}};
    p.count_from = from;
    return weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(500).build().value();
}

void clock_read(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(std::chrono::steady_clock::now());
}

void fast_clock_read(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(weir::fast_clock{}.now());
}

void admit_on_handle(benchmark::State& state) {
    static weir::registry limits{weir::memory_store{hasty_clock{}}, limits_of(weir::counting::admission)};
    auto handle = limits.at("api.crossref.org", "metadata");
    std::int64_t granted = 0;
    for (auto _ : state)
        granted += handle.admit().granted();
    if (granted < state.iterations() * 9 / 10)
        state.SkipWithError("too many decisions were denials");
}

void deny_on_handle(benchmark::State& state) {
    weir::policy p;
    p.rates = {{10, 24h}, {5000, 48h}};
    static weir::registry limits{weir::memory_store{},
                                 weir::configuration::builder{}.defaults("metadata", p).build().value()};
    auto handle = limits.at("api.crossref.org", "metadata");
    while (handle.admit().granted()) {
    }
    std::int64_t granted = 0;
    for (auto _ : state)
        granted += handle.admit().granted();
    if (granted != 0)
        state.SkipWithError("a decision was a grant");
}

void cycle_on_handle(benchmark::State& state) {
    static weir::registry limits{weir::memory_store{hasty_clock{}}, limits_of(weir::counting::response)};
    auto handle = limits.at("api.crossref.org", "metadata");
    for (auto _ : state) {
        auto permit = handle.acquire();
        permit.arrived();
    }
}

void cycle_by_text(benchmark::State& state) {
    static weir::registry limits{weir::memory_store{hasty_clock{}}, limits_of(weir::counting::response)};
    const std::string host = "api.crossref.org";
    const std::string role = "metadata";
    for (auto _ : state) {
        auto permit = limits.acquire(host, role);
        permit.arrived();
    }
}

// From here on the process has had a second thread, and locked instructions are needed.
void start_a_thread(benchmark::State& state) {
    std::thread{[] {}}.join();
    for (auto _ : state)
        benchmark::DoNotOptimize(state.iterations());
}

BENCHMARK(clock_read)->Name("clock");
BENCHMARK(fast_clock_read)->Name("single/fast_clock");
BENCHMARK(admit_on_handle)->Name("single/admit");
BENCHMARK(deny_on_handle)->Name("single/deny");
BENCHMARK(cycle_on_handle)->Name("single/cycle");
BENCHMARK(cycle_by_text)->Name("single/cycle_by_text");
BENCHMARK(start_a_thread)->Name("start_a_thread")->Iterations(1);
BENCHMARK(fast_clock_read)->Name("threaded/fast_clock");
BENCHMARK(admit_on_handle)->Name("threaded/admit");
BENCHMARK(deny_on_handle)->Name("threaded/deny");
BENCHMARK(cycle_on_handle)->Name("threaded/cycle");
BENCHMARK(cycle_by_text)->Name("threaded/cycle_by_text");
BENCHMARK(admit_on_handle)->Name("one_hot_key/admit")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(deny_on_handle)->Name("one_hot_key/deny")->Threads(1)->Threads(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
