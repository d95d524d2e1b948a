// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"

#include "weir/config/configuration.hpp"
#include "weir/testing/manual_clock.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;
using manual_registry = weir::registry<weir::memory_store<weir::testing::manual_clock>>;
using steady_registry = weir::registry<weir::memory_store<>>;

weir::policy limited(std::vector<weir::rate> rates, weir::duration max_delay = 0ms) {
    weir::policy p;
    p.rates = std::move(rates);
    p.max_delay = max_delay;
    return p;
}
weir::configuration configured(const weir::policy& p, std::int64_t inflight = 0) {
    return weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(inflight).build().value();
}
std::size_t threads_now() {
    const std::filesystem::directory_iterator tasks{"/proc/self/task"};
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

}  // namespace

TEST_CASE("ten thousand tickets with random cancels are granted in order and none is lost") {
    const std::uint64_t seed = weir_test::seed_for("tickets and cancels");
    constexpr int keys = 4, submitters = 4, each = 2'500;
    weir::testing::manual_clock clock{instant{1s}};
    weir::policy p = limited({{7, 10ms}}, 1h);
    p.count_from = weir::counting::admission;
    manual_registry limits{weir::memory_store{clock}, configured(p)};

    struct request {
        int order = 0;
        std::unique_ptr<manual_registry::ticket> ticket{};
        std::atomic<bool> cancelled{false};
    };
    // One submitter a key, so that the order of submission is known; the cancels come from all sides.
    std::vector<std::vector<std::unique_ptr<request>>> requests(keys);
    std::vector<std::vector<int>> granted(keys);
    std::vector<std::mutex> granted_mutex(keys);
    std::atomic<int> grants{0}, denials{0}, cancels{0}, submitted{0};
    for (auto& of_key : requests)
        for (int i = 0; i < each; ++i)
            of_key.push_back(std::make_unique<request>());
    for (int k = 0; k < keys; ++k)
        for (int i = 0; i < each; ++i) {
            request& r = *requests[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)];
            r.order = i;
            r.ticket = std::make_unique<manual_registry::ticket>([&, k, i](manual_registry::ticket& t) {
                const auto at = static_cast<std::size_t>(k);
                if (t.decision().granted()) {
                    const std::lock_guard guard{granted_mutex[at]};
                    granted[at].push_back(i);
                    ++grants;
                } else if (t.decision().outcome == weir::outcome::cancelled) {
                    ++cancels;
                } else {
                    ++denials;
                }
            });
        }
    {
        std::vector<std::jthread> threads;
        for (int k = 0; k < submitters; ++k)
            threads.emplace_back([&, k] {
                for (auto& r : requests[static_cast<std::size_t>(k)]) {
                    limits.submit(*r->ticket, "h" + std::to_string(k), "metadata");
                    ++submitted;
                }
            });
        for (int c = 0; c < 2; ++c)
            threads.emplace_back([&, c] {
                weir_test::dice dice{seed + static_cast<std::uint64_t>(c)};
                for (int i = 0; i < 1'500; ++i) {
                    while (submitted < 100)
                        std::this_thread::yield();
                    auto& of_key = requests[static_cast<std::size_t>(dice.from(0, keys - 1))];
                    request& r = *of_key[static_cast<std::size_t>(dice.from(0, each - 1))];
                    if (r.ticket->cancel())
                        r.cancelled = true;
                }
            });
    }
    for (int i = 0; i < 10'000 && grants + denials + cancels < keys * each; ++i) {
        clock.set(std::max(clock.now(), limits.next_wake() < weir::far_future ? limits.next_wake() : clock.now()));
        limits.poll();
    }
    CHECK(grants + denials + cancels == keys * each);
    CHECK(denials == 0);
    CHECK(cancels > 100);
    CHECK(grants > 1'000);
    for (const auto& order : granted)
        CHECK(std::is_sorted(order.begin(), order.end()));
    int flagged = 0;
    for (auto& of_key : requests)
        for (auto& r : of_key) {
            flagged += r->cancelled;
            if (r->ticket->decision().granted())
                r->ticket->take().release();
        }
    CHECK(flagged == cancels);
    CHECK(limits.in_flight() == 0);
    clock.advance(10ms);
    for (int k = 0; k < keys; ++k) {
        const auto report = limits.inspect("h" + std::to_string(k), "metadata");
        REQUIRE(report);
        CHECK(report->state.in_flight == 0);
        CHECK(report->waiting == 0);
        CHECK(report->state.windows[0].used == 0);  // the whole capacity is back
    }
}

TEST_CASE("blocking threads and tickets share a queue: no waiter is lost, and a cancelled one frees its capacity") {
    const std::size_t before = threads_now();
    {
        weir::policy p = limited({{200, 50ms}}, 20s);
        steady_registry limits{weir::memory_store{}, configured(p, 16)};
        std::atomic<int> granted{0}, cancelled{0}, refused{0};
        constexpr int blockers = 64, rounds = 20;
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t < blockers; ++t)
                threads.emplace_back([&, t](const std::stop_token&) {
                    for (int i = 0; i < rounds; ++i) {
                        std::stop_source stop;
                        if ((t + i) % 7 == 0)
                            stop.request_stop();
                        auto got =
                            limits.wait_acquire("h" + std::to_string(t % 3), "metadata", {.stop = stop.get_token()});
                        if (got) {
                            ++granted;
                            got.permit().arrived();
                        } else if (got.decision().outcome == weir::outcome::cancelled) {
                            ++cancelled;
                        } else {
                            ++refused;
                        }
                    }
                });
            threads.emplace_back([&] {  // an event loop beside them
                for (int i = 0; i < 100; ++i) {
                    std::atomic<bool> done{false};
                    steady_registry::ticket t{[&](steady_registry::ticket&) { done = true; }};
                    limits.submit(t, "h0", "metadata");
                    if (i % 5 == 0)
                        (void)t.cancel();
                    while (!done) {
                        limits.poll();
                        std::this_thread::yield();
                    }
                    if (t.decision().granted())
                        ++granted;
                    else if (t.decision().outcome == weir::outcome::cancelled)
                        ++cancelled;
                    else
                        ++refused;
                }
            });
        }
        CHECK(granted + cancelled + refused == blockers * rounds + 100);
        CHECK(refused == 0);
        CHECK(cancelled > 0);
        CHECK(limits.in_flight() == 0);
        for (const auto& r : limits.inspect()) {
            CHECK(r.state.open == 0);
            CHECK(r.state.in_flight == 0);
            CHECK(r.waiting == 0);
        }
    }
    CHECK(threads_now() == before);
}

TEST_CASE("a stop token ends a wait, and the next waiter moves up") {
    steady_registry limits{weir::memory_store{}, configured(limited({{1, 300ms}}, 20s))};
    auto first = limits.try_acquire("h", "metadata");
    REQUIRE(first);
    first.permit().arrived();
    std::stop_source stop;
    weir::decision stopped, next;
    {
        std::jthread a{[&] { stopped = limits.wait_acquire("h", "metadata", {.stop = stop.get_token()}).decision(); }};
        while (limits.inspect("h", "metadata")->waiting < 1)
            std::this_thread::yield();
        std::jthread b{[&] { next = limits.wait_acquire("h", "metadata").decision(); }};
        while (limits.inspect("h", "metadata")->waiting < 2)
            std::this_thread::yield();
        stop.request_stop();
    }
    CHECK(stopped.outcome == weir::outcome::cancelled);
    CHECK(next.granted());
    CHECK(next.waited < 590ms);  // not behind the one who gave up
}

TEST_CASE("eight threads on one hot key never put a window over") {
    weir::policy p = limited({{40, 10ms}, {150, 50ms}}, 5s);
    steady_registry limits{weir::memory_store{}, configured(p)};
    auto handle = limits.at("h", "metadata");
    std::mutex mutex;
    std::vector<instant> arrivals;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&] {
                std::vector<instant> mine;
                for (int i = 0; i < 150; ++i) {
                    auto permit = handle.acquire();
                    mine.push_back(limits.store().now());  // between admission and answer
                    permit.arrived();
                }
                const std::lock_guard guard{mutex};
                arrivals.insert(arrivals.end(), mine.begin(), mine.end());
            });
    }
    CHECK(arrivals.size() == 1'200);
    CHECK(weir_test::max_within(arrivals, 10ms) <= 40);
    CHECK(weir_test::max_within(arrivals, 50ms) <= 150);
}

TEST_CASE("keys are made, found, inspected and forgotten by many threads at once") {
    weir::policy p = limited({{3, 1ms}});
    p.count_from = weir::counting::admission;
    steady_registry limits{weir::memory_store{}, configured(p)};
    std::atomic<int> granted{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                weir_test::dice dice{static_cast<std::uint64_t>(t)};
                for (int i = 0; i < 3'000; ++i) {
                    const std::string host =
                        "h" + std::to_string(dice.chance(50) ? dice.from(0, 20) : dice.from(0, 20'000));
                    if (dice.chance(10))
                        limits.erase(host, "metadata");
                    else if (dice.chance(10))
                        (void)limits.inspect(host, "metadata");
                    else if (dice.chance(10))
                        (void)limits.at(host, "metadata").admit();
                    else
                        granted += static_cast<bool>(limits.try_acquire(host, "metadata"));
                }
            });
    }
    CHECK(granted > 0);
    CHECK(limits.in_flight() == 0);
}

TEST_CASE("reloads under load lose no waiter and leave no window over the larger of two limits") {
    const auto small = configured(limited({{20, 10ms}}, 5s), 4);
    const auto large = configured(limited({{30, 10ms}, {300, 100ms}}, 5s), 8);
    steady_registry limits{weir::memory_store{}, small};
    std::mutex mutex;
    std::vector<instant> arrivals;
    std::atomic<int> running{4};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                std::vector<instant> mine;
                for (int i = 0; i < 150; ++i) {
                    auto permit = limits.acquire("h", "metadata");
                    mine.push_back(limits.store().now());
                }
                const std::lock_guard guard{mutex};
                arrivals.insert(arrivals.end(), mine.begin(), mine.end());
                --running;
            });
        threads.emplace_back([&] {
            for (int i = 0; running > 0; ++i) {
                if (!limits.reload(i % 2 == 0 ? large : small))
                    break;
                std::this_thread::yield();
            }
        });
    }
    CHECK(arrivals.size() == 600);
    CHECK(weir_test::max_within(arrivals, 10ms) <= 30);
    CHECK(limits.in_flight() == 0);
}

TEST_CASE("a small ceiling over many keys is never exceeded, and every waiter is served") {
    constexpr std::int64_t ceiling = 3;
    steady_registry limits{weir::memory_store{}, configured(limited({{100'000, 1s}}, 60s), ceiling)};
    std::atomic<std::int64_t> inside{0}, max{0};
    std::atomic<bool> is_running{true};
    std::atomic<int> served{0};
    {
        std::vector<std::jthread> threads;
        // Two greedy keys whose queues are never empty ...
        for (int t = 0; t < 12; ++t)
            threads.emplace_back([&, t] {
                while (is_running) {
                    auto permit = limits.acquire("greedy" + std::to_string(t % 2), "metadata");
                    const auto now = ++inside;
                    for (auto seen = max.load(); seen < now && !max.compare_exchange_weak(seen, now);) {
                    }
                    std::this_thread::yield();
                    --inside;
                }
            });
        // ... and many modest ones, each of which must get its turn.
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                auto permit = limits.acquire("modest" + std::to_string(i), "metadata");
                const auto now = ++inside;
                if (now > max)
                    max = now;
                --inside;
                ++served;
            }
            is_running = false;
        });
    }
    CHECK(served == 200);
    CHECK(max <= ceiling);
    CHECK(limits.in_flight() == 0);
}

TEST_CASE("sixteen threads at the first use of 1/HOUR get exactly one grant") {
    for (int round = 0; round < 50; ++round) {
        steady_registry limits{weir::memory_store{}, configured(limited({{1, 1h}}))};
        std::atomic<int> granted{0}, ready{0};
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t < 16; ++t)
                threads.emplace_back([&] {
                    for (++ready; ready < 16;)
                        std::this_thread::yield();
                    granted += static_cast<bool>(limits.try_acquire("h", "metadata"));
                });
        }
        REQUIRE(granted == 1);
    }
}

TEST_CASE("a published denial is never seen instead of a free slot") {
    weir::policy p = limited({{1, 1ms}});
    p.count_from = weir::counting::admission;
    steady_registry limits{weir::memory_store{}, configured(p)};
    auto handle = limits.at("h", "metadata");
    std::mutex mutex;
    std::vector<instant> admitted;
    const instant end = limits.store().now() + 200ms;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                std::vector<instant> mine;
                for (instant now = limits.store().now(); now < end; now = limits.store().now()) {
                    const auto d = handle.admit({}, now);
                    if (d.granted())
                        mine.push_back(now);
                    else if (d.retry_at < now)
                        mine.push_back(weir::long_ago);
                }
                const std::lock_guard guard{mutex};
                admitted.insert(admitted.end(), mine.begin(), mine.end());
            });
    }
    std::sort(admitted.begin(), admitted.end());
    REQUIRE_FALSE(admitted.empty());
    CHECK(admitted.front() > weir::long_ago);
    CHECK(admitted.size() <= 202);
}
