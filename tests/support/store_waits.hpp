// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/core/policy.hpp"
#include "weir/registry/registry.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Tests of callers that wait because a store is slow, busy or hangs. They are the same for each store on a server.

namespace weir_test {

/// A process's threads need more connections than it has, and the server works: it makes all decisions.
/// `make()` returns the store of one process, over a link with a delay.
template <class Make>
void check_busy_pool(Make&& make, int processes, int threads, int keys, int max_failures = 0) {
    using namespace std::chrono_literals;
    struct counting {
        std::shared_ptr<std::atomic<int>> failures;
        void on_event(const weir::event& e) const { *failures += e.type == weir::event_type::store ? 1 : 0; }
    };
    weir::policy p;
    p.rates = {{20, 1s}};
    p.max_delay = 5s;
    p.on_store_error = weir::store_failure::local;
    const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
    const counting observer{std::make_shared<std::atomic<int>>(0)};
    using registry = decltype(weir::registry{make(), config, observer});
    std::vector<std::unique_ptr<registry>> all;
    for (int i = 0; i < processes; ++i)
        all.push_back(std::make_unique<registry>(make(), config, observer));
    for (auto& limits : all)
        limits->acquire("first.org", "metadata").arrived();
    arrivals seen;
    std::mutex mutex;
    {
        std::atomic<int> next = 0;
        const auto end = std::chrono::steady_clock::now() + 3s;
        std::vector<std::jthread> workers;
        for (auto& limits : all)
            for (int i = 0; i < threads; ++i)
                workers.emplace_back([&] {
                    while (std::chrono::steady_clock::now() < end) {
                        const int key = next++ % keys;
                        auto got =
                            limits->wait_acquire("k" + std::to_string(key) + ".org", "metadata", {.max_delay = 500ms});
                        if (!got)
                            continue;
                        const auto at = std::chrono::steady_clock::now().time_since_epoch().count();
                        std::move(got).take().arrived();
                        const std::lock_guard guard{mutex};
                        seen.note(key, at);
                    }
                });
    }
    CHECK(seen.count() > 40);
    CHECK(*observer.failures <= max_failures);
    CHECK(seen.windows_over(20, std::chrono::nanoseconds{1s}.count()) == 0);
}

/// While the server hangs, successive requests wait for one timeout in all, and every `retry_at` is in the future.
/// `each()` makes one request and returns the decision.
template <class Registry, class Ask>
void check_hanging(Registry& limits, Ask&& each, std::chrono::milliseconds timeout) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 6; ++i) {
        const auto got = each();
        REQUIRE_FALSE(got);
        CHECK(got.decision().cause == weir::cause::store);
        CHECK(got.decision().retry_at >= limits.store().now() - std::chrono::milliseconds{20});
    }
    CHECK(std::chrono::steady_clock::now() - began < timeout * 2);
}

}  // namespace weir_test
