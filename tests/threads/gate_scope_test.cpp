// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"

#include "weir/storage/memory_store.hpp"
#include "weir/testing/shared_store.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 3> held_together{"metadata", "landing", "artifact"};

weir::configuration one_gate(weir::duration max_delay) {
    weir::policy p;
    p.rates = {{1'000'000, 1s}};
    p.max_delay = max_delay;
    p.gate_scope = weir::gate_reach::host;
    weir::configuration::builder b;
    for (const auto role : held_together)
        b.defaults(role, p);
    return b.build().value();
}

/// Roles of two hosts are refused from all sides, while keys are made, waited for, forgotten and reloaded.
template <class Limits>
void refuse_from_all_sides(Limits& one, Limits& other) {
    std::atomic<int> answered = 0;
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                Limits& limits = t % 2 == 0 ? one : other;
                for (std::size_t i = 0; i < 150; ++i) {
                    const auto host = std::string{"h"}.append(std::to_string(i / 50)).append(".org");
                    auto got = limits.wait_acquire(host, held_together[(i + t) % held_together.size()]);
                    if (!got)
                        continue;
                    got.permit().arrived({.status = 429, .retry_after = 200us});
                    ++answered;
                }
            });
        threads.emplace_back([&](const std::stop_token& stop) {
            for (int i = 0; !stop.stop_requested() && i < 10'000; ++i) {
                static_cast<void>(one.reload(one_gate(i % 2 == 0 ? 1h : 2h)));
                one.at("h1.org", "landing").hold_until(one.store().now() + 100us);
                std::this_thread::sleep_for(1ms);
            }
        });
        for (std::size_t t = 0; t < 4; ++t)
            threads[t].join();
    }
    CHECK(answered == 4 * 150);
    CHECK(one.in_flight() == 0);
}

}  // namespace

TEST_CASE("gate_scope: threads refused for several roles of a host move each other's gates without a deadlock") {
    SECTION("in one process") {
        weir::registry limits{weir::memory_store{}, one_gate(1h)};
        refuse_from_all_sides(limits, limits);
    }
    SECTION("in two") {
        const weir::testing::shared_store<> common;
        weir::registry one{common, one_gate(1h)}, other{common, one_gate(1h)};
        refuse_from_all_sides(one, other);
    }
}
