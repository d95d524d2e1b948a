// SPDX-License-Identifier: MIT
#include "../../tests/support/plain_yaml.hpp"

#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

/// Hosts with two roles each, as a person or a program writes them.
std::string hosts(int count) {
    std::string out = "version: 1\nhosts:\n";
    for (int i = 0; i < count; ++i)
        out += fmt::format("  host{:05}.example{}.org:\n"
                           "    metadata:\n"
                           "      rates: [\"{}/SECOND\", \"{}/HOUR\"]\n"
                           "      max_delay_ms: {}\n"
                           "    artifact:\n"
                           "      rates: [\"2/SECOND\", \"500/HOUR\"]\n"
                           "      max_delay_ms: 2000\n",
                           i, i % 97, 10 + i % 40, 5000 + i, 200 + i % 100);
    return out;
}

using weir_test::cpu_ms;

/// Adds the time since `begin` to `sum`, and begins anew.
void lap(double& sum, double& begin) {
    const double now = cpu_ms();
    sum += now - begin;
    begin = now;
}

void ratio(benchmark::State& state) {
    const std::string text = hosts(static_cast<int>(state.range(0)));
    double events = 0, tree = 0, load = 0, resolve = 0;
    for (auto _ : state) {
        double begin = cpu_ms();
        weir_test::parse_plainly(text);
        lap(events, begin);
        benchmark::DoNotOptimize(YAML::Load(text));
        lap(tree, begin);
        {
            const std::array layers{weir::yaml::load_text(text, "limits.yaml")};
            lap(load, begin);
            const auto r = weir::resolve(layers);
            if (!r || r->hosts().size() != static_cast<std::size_t>(state.range(0)))
                state.SkipWithError("the text must load");
        }
        lap(resolve, begin);
    }
    const auto runs = static_cast<double>(state.iterations());
    state.counters["events_ms"] = events / runs;
    state.counters["tree_ms"] = tree / runs;
    state.counters["load_ms"] = load / runs;
    state.counters["resolve_ms"] = resolve / runs;
    state.counters["over_events"] = (load + resolve) / events;
    state.counters["over_tree"] = (load + resolve) / tree;
}
BENCHMARK(ratio)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

void refuse(benchmark::State& state, std::string_view head, std::string_view piece, std::string_view tail) {
    std::string text{head};
    while (text.size() + piece.size() + tail.size() <= (8U << 20U))
        text += piece;
    text += tail;
    for (auto _ : state)
        if (weir::resolve(std::array{weir::yaml::load_text(text, "limits.yaml")}))
            state.SkipWithError("the text must be refused");
}
BENCHMARK_CAPTURE(refuse, aliases, "a: &a [x,x,x]\n", "b: [*a,*a,*a,*a]\n", "")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(refuse, brackets, "", "[", "")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(refuse, one_scalar, "", "x", "")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(refuse, unknown_keys, "", "a key: 1\n", "")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(refuse, bad_utf8_at_the_end, "version: 1\n", "# a comment\n", "\xff")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(refuse, documents, "", "---\n", "")->Unit(benchmark::kMillisecond);

}  // namespace
