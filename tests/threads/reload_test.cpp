// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;
constexpr auto reload_window = 10ms;
constexpr std::size_t few = 5, many = 12;
constexpr std::size_t hosts = 2, loaders = 8, requests = 120;

weir::configuration allowing(std::size_t limit) {
    weir::policy p;
    p.rates = {{static_cast<std::int64_t>(limit), reload_window}};
    p.max_delay = 60s;
    return weir_test::configured(p);
}

struct timed_admission {
    clock_type::time_point asked;     // not later than the truth
    clock_type::time_point granted;   // not earlier than it
    clock_type::time_point answered;  // not later than the true one
    bool few;                         // whether the lower limit was in force all the while
};

/// How many of `all` certainly filled the window of `of` when it was admitted, itself included.
std::size_t beside(const std::vector<timed_admission>& all, const timed_admission& of) {
    return 1 + static_cast<std::size_t>(std::ranges::count_if(all, [&](const timed_admission& before) {
               return before.granted < of.asked && before.answered > of.granted - reload_window;
           }));
}

}  // namespace

TEST_CASE("reloads under eight threads of load lose no waiter and leave no window over its limit", "[threads]") {
    weir::registry limits{weir::memory_store{}, allowing(few)};
    std::atomic<unsigned> state{0};  // odd while a reload runs; then of four, 0 is few and 2 many
    std::atomic<std::size_t> running{loaders};
    std::array<std::array<std::vector<timed_admission>, hosts>, loaders> seen;
    std::size_t reloads = 0;
    {
        std::vector<std::jthread> all;
        for (auto& mine : seen)
            all.emplace_back([&] {
                for (std::size_t i = 0; i < requests; ++i) {
                    const std::size_t host = i % hosts;
                    const unsigned before = state.load();
                    const auto asked = clock_type::now();
                    auto permit = limits.acquire("h" + std::to_string(host), "metadata");
                    const auto granted = clock_type::now();
                    const bool lower = state.load() == before && before % 4 == 0;
                    const auto answered = clock_type::now();
                    permit.release();
                    mine[host].push_back({asked, granted, answered, lower});
                }
                --running;
            });
        while (running > 0) {
            const bool more = state.load() % 4 == 0;
            ++state;
            CHECK(limits.reload(allowing(more ? many : few)).has_value());
            ++state;
            ++reloads;
            // Most are granted between two reloads only if there is time between them.
            std::this_thread::sleep_for(reloads % 16 == 0 ? 3 * reload_window : 100us);
        }
    }
    std::size_t checked = 0;
    for (std::size_t host = 0; host < hosts; ++host) {
        std::vector<timed_admission> all;
        for (const auto& mine : seen)
            all.insert(all.end(), mine[host].begin(), mine[host].end());
        CHECK(all.size() == loaders * requests / hosts);
        for (const timed_admission& a : all) {
            REQUIRE(beside(all, a) <= (a.few ? few : many));
            checked += a.few;
        }
    }
    CHECK(reloads > 10);
    CHECK(checked > 0);
    CHECK(limits.in_flight() == 0);
    for (const auto& key : limits.inspect())
        CHECK(key.waiting == 0);
}
