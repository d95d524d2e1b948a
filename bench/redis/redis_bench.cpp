// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"
#include "weir/weir.hpp"

#include "../../tests/integration/redis/support/server.hpp"
#include "../_turns.hpp"

#include <benchmark/benchmark.h>
#include <hiredis/hiredis.h>
#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// The least a decision on the server could be: a script that does nothing, on a connection of its own, the command
/// made beforehand.
class nothing_script {
public:
    explicit nothing_script(weir_test::redis_server& server) : line_(redisConnect("127.0.0.1", server.port())) {
        const std::string sha = server.say({"SCRIPT", "LOAD", "return 1"});
        command_ = "*3\r\n$7\r\nEVALSHA\r\n$40\r\n" + sha + "\r\n$1\r\n0\r\n";
    }
    void run() {
        void* reply = nullptr;
        redisAppendFormattedCommand(line_.get(), command_.data(), command_.size());
        if (redisGetReply(line_.get(), &reply) != REDIS_OK)
            std::abort();
        freeReplyObject(reply);
    }

private:
    struct closer {
        void operator()(redisContext* c) const noexcept { redisFree(c); }
    };
    std::unique_ptr<redisContext, closer> line_;
    std::string command_;
};

weir::registry<weir::redis::redis_store> limits(const std::string& dsn, weir::counting from) {
    // Like 10/SECOND and 5000/HOUR, but so fast that neither is ever full; both are looked into.
    weir::policy p;
    p.rates = {{100, 1ms}, {5'000, 25ms}};
    p.count_from = from;
    return weir::registry<weir::redis::redis_store>{
        weir::redis::redis_store{weir::redis::parse_redis_dsn(dsn).value()},
        weir::configuration::builder{}.defaults("metadata", p).build().value()};
}

void pin_all(weir_test::redis_server& server, bool one_core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < (one_core ? 1U : 8U); ++i)
        CPU_SET(i, &set);
    ::sched_setaffinity(0, sizeof set, &set);
    ::sched_setaffinity(server.pid(), sizeof set, &set);
}

void ratios(benchmark::State& state) {
    if (weir_test::redis_server::program().empty()) {
        state.SkipWithError("there is no redis-server or valkey-server here");
        return;
    }
    weir_test::redis_server server;
    pin_all(server, state.range(0) == 1);
    nothing_script nothing{server};
    auto admission = limits(server.tcp(), weir::counting::admission);
    auto response = limits(server.tcp(), weir::counting::response);
    auto counted = admission.at("a.example.org", "metadata");
    auto answered = response.at("b.example.org", "metadata");

    weir_bench::ratios_to([&] { nothing.run(); }, "evalsha_us", counted, answered, [] {}, 400, state);
    pin_all(server, false);
}

/// A key that is full for long: what is known here denies, and no server is asked. In memory it is the same.
template <class Store>
auto full_for_long(Store store) {
    weir::policy p;
    p.rates = {{1, 1h}};
    p.count_from = weir::counting::admission;
    return weir::registry{std::move(store), weir::configuration::builder{}.defaults("metadata", p).build().value()};
}

void known_denial(benchmark::State& state) {
    if (weir_test::redis_server::program().empty()) {
        state.SkipWithError("there is no redis-server or valkey-server here");
        return;
    }
    weir_test::redis_server server;
    auto shared = full_for_long(weir::redis::redis_store{weir::redis::parse_redis_dsn(server.tcp()).value()});
    auto local = full_for_long(weir::memory_store{});
    auto there = shared.at("a.example.org", "metadata");
    auto here = local.at("a.example.org", "metadata");
    there.acquire().release();
    here.acquire().release();
    if (there.try_acquire())  // asks the server
        std::abort();

    std::vector<double> times[2];
    const auto turn = [](std::vector<double>& out, auto& key) {
        constexpr int count = 1'000;
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < count; ++i)
            if (key.try_acquire())
                std::abort();
        out.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() /
                      count);
    };
    const auto scripts_run = [&] {
        const std::string said = server.say({"INFO", "commandstats"});
        return said.substr(said.find("cmdstat_evalsha"), 40);
    };
    const std::string before = scripts_run();
    for (auto _ : state) {
        turn(times[0], here);
        turn(times[1], there);
    }
    if (scripts_run() != before)
        std::abort();
    state.counters["memory_ns"] = weir_bench::median(times[0]);
    state.counters["known_ns"] = weir_bench::median(times[1]);
    state.counters["known_ratio"] = weir_bench::median(times[1]) / weir_bench::median(times[0]);
}

BENCHMARK(known_denial)->Iterations(400)->Repetitions(3)->Unit(benchmark::kMillisecond);
BENCHMARK(ratios)->ArgName("one_core")->Arg(1)->Arg(0)->Iterations(21)->Repetitions(3)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
