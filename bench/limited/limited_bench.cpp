// SPDX-License-Identifier: MIT
#include "weir/http/limited.hpp"
#include "weir/http/message.hpp"
#include "weir/http/transport.hpp"
#include "weir/weir.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <string_view>

namespace {

using namespace std::chrono_literals;

/// Ten million times too fast, so that the windows are never full.
struct hasty_clock {
    [[nodiscard]] weir::instant now() const noexcept {
        return weir::instant{(weir::steady_clock{}.now() - began) * 10'000'000};
    }
    weir::instant began = weir::steady_clock{}.now();
};

struct nothing_transport {
    void send(const weir::http::request&, weir::http::receiver& r) { r.head(200, fields); }
    weir::http::headers fields{};
};

struct nobody final : weir::http::receiver {
    void head(int status, const weir::http::headers&) override { benchmark::DoNotOptimize(status); }
    bool body(std::string_view) override { return true; }
};

const weir::http::request& a_request() {
    static const weir::http::request r{.url = "https://api.crossref.org/works/10.1038/nature12373", .role = "metadata"};
    return r;
}

void clock_read(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(std::chrono::steady_clock::now());
}

void bare(benchmark::State& state) {
    nothing_transport transport;
    nobody receiver;
    for (auto _ : state)
        transport.send(a_request(), receiver);
}

void limited(benchmark::State& state) {
    weir::policy p;
    p.rates = {{10, 1s}, {5000, 1h}};
    weir::registry limits{weir::memory_store{hasty_clock{}},
                          weir::configuration::builder{}.defaults("metadata", p).build().value()};
    auto transport = weir::http::limited(nothing_transport{}, limits);
    nobody receiver;
    for (auto _ : state)
        transport.send(a_request(), receiver);
}

BENCHMARK(clock_read)->Name("clock");
BENCHMARK(bare)->Name("bare");
BENCHMARK(limited)->Name("limited");

}  // namespace

BENCHMARK_MAIN();
