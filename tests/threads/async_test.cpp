// SPDX-License-Identifier: MIT
#include "weir/registry/async_acquire.hpp"

#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"

#include "weir/registry/limits.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/shared_memory_store.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;

weir::policy patient(std::vector<weir::rate> rates) {
    weir::policy p = weir_test::limited(std::move(rates));
    p.max_delay = 10h;
    return p;
}

/// A clock that a thread moves on, until it has seen enough.
class moving_time {
public:
    moving_time(weir::testing::manual_clock clock, weir::duration step)
        : thread_([clock, step](const std::stop_token& stop) mutable {
              while (!stop.stop_requested()) {
                  clock.advance(step);
                  std::this_thread::yield();
              }
          }) {}

private:
    std::jthread thread_;
};

struct counts {
    std::atomic<int> granted{0}, cancelled{0}, ended{0};
};

weir_test::detached visit(weir::limits& limits, std::string host, std::stop_token stop, counts& seen) {
    {
        weir::limits::admission got = co_await limits.async_acquire(host, "metadata", {}, std::move(stop));
        if (got) {
            ++seen.granted;
            got.permit().arrived();
        } else if (got.decision().outcome == weir::outcome::cancelled) {
            ++seen.cancelled;
        }
    }
    ++seen.ended;
}

void storm(weir::limits& limits, weir::testing::manual_clock clock, weir_test::ready_queue* ready, std::uint64_t seed) {
    constexpr int starters = 2, each = 1'500, keys = 3;
    counts seen;
    std::vector<std::vector<std::stop_source>> stops(starters);
    for (auto& of_starter : stops)
        of_starter.resize(each);
    std::atomic<int> started{0};
    {
        const moving_time time{clock, 1ms};
        std::vector<std::jthread> threads;
        for (int s = 0; s < starters; ++s)
            threads.emplace_back([&, s] {
                std::mt19937_64 random{seed + static_cast<std::uint64_t>(s)};
                for (int i = 0; i < each; ++i) {
                    const std::string host = "h" + std::to_string(random() % keys);
                    std::stop_source& stop = stops[static_cast<std::size_t>(s)][static_cast<std::size_t>(i)];
                    visit(limits, host, stop.get_token(), seen);
                    ++started;
                    // Half of them are cancelled: some before they wait, some while, some when it is over.
                    if (random() % 2 == 0)
                        stops[static_cast<std::size_t>(s)][random() % static_cast<std::size_t>(each)].request_stop();
                }
            });
        for (int p = 0; p < 2; ++p)
            threads.emplace_back([&] {
                while (seen.ended < starters * each) {
                    limits.poll();
                    while (ready != nullptr && ready->run_one()) {
                    }
                    std::this_thread::yield();
                }
            });
    }
    CHECK(started == starters * each);
    CHECK(seen.ended == starters * each);
    CHECK(seen.granted + seen.cancelled == seen.ended);
    CHECK(seen.granted > 0);
    CHECK(seen.cancelled > 0);
    CHECK(limits.in_flight() == 0);
    // Nothing is lost: once the window is over a key gives all it has.
    clock.advance(1h);
    for (int k = 0; k < keys; ++k) {
        const auto seen_now = limits.inspect("h" + std::to_string(k), "metadata");
        CHECK((!seen_now || seen_now->waiting == 0));
        std::vector<weir::limits::permit> all;
        while (auto got = limits.try_acquire("h" + std::to_string(k), "metadata"))
            all.push_back(std::move(got).take());
        CHECK(all.size() == 7);
    }
}

}  // namespace

TEST_CASE("async: many coroutines and cancels, resumed on the answering thread, lose no capacity") {
    weir::testing::manual_clock clock{instant{1s}};
    weir::limits limits{weir::memory_store{clock}, weir_test::configured(patient({{7, 10ms}}), 11)};
    storm(limits, clock, nullptr, weir_test::seed_for("async inline"));
}

TEST_CASE("async: the same with an executor of two threads") {
    weir::testing::manual_clock clock{instant{1s}};
    weir_test::ready_queue ready;
    weir::limits limits{weir::memory_store{clock},
                        weir_test::configured(patient({{7, 10ms}}), 11),
                        {.resume = [&](std::coroutine_handle<> h) { ready.post(h); }}};
    storm(limits, clock, &ready, weir_test::seed_for("async executor"));
}

TEST_CASE("async: the same on a shared store") {
    weir::testing::manual_clock clock{instant{1s}};
    weir::limits limits{weir::any_store{weir::shared_memory_store{clock}},
                        weir_test::configured(patient({{7, 10ms}}), 11)};
    storm(limits, clock, nullptr, weir_test::seed_for("async shared"));
}

TEST_CASE("async: coroutines destroyed on their own thread while others poll lose no capacity") {
    const std::uint64_t seed = weir_test::seed_for("async destroyed");
    weir::testing::manual_clock clock{instant{1s}};
    weir_test::ready_queue ready;
    weir::limits limits{weir::memory_store{clock},
                        weir_test::configured(patient({{3, 2ms}})),
                        {.resume = [&](std::coroutine_handle<> h) { ready.post(h); }}};
    const auto wait = [&]() -> weir_test::owned {
        auto got = co_await limits.async_acquire("h", "metadata");
        got.permit().arrived();
    };
    std::list<weir_test::owned> all;
    {
        const moving_time time{clock, 100us};
        const std::jthread poller{[&](const std::stop_token& stop) {
            while (!stop.stop_requested())
                limits.poll();
        }};
        std::mt19937_64 random{seed};
        for (int i = 0; i < 5'000; ++i) {
            all.push_back(wait());
            ready.run_one();
            if (all.size() < 20)
                continue;
            const auto victim = std::next(all.begin(), static_cast<std::ptrdiff_t>(random() % all.size()));
            // Until its destruction is over it may be posted; afterwards it is not.
            const std::coroutine_handle<> h = victim->get();
            all.erase(victim);
            ready.forget(h);
        }
    }
    all.clear();
    CHECK(limits.in_flight() == 0);
    clock.advance(1h);
    for (int i = 0; i < 3; ++i)
        CHECK(limits.peek("h", "metadata").granted());
    CHECK(limits.inspect("h", "metadata")->waiting == 0);
}

TEST_CASE("async: a loop that sleeps until what poll said is woken when an answer on another thread comes first") {
    weir::policy p = patient({{2, 50ms}});
    p.max_concurrent = 1;
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<std::coroutine_handle<>> ready;
    bool is_earlier = false;
    const auto on_earlier_wake = [&] {
        const std::lock_guard guard{mutex};
        is_earlier = true;
        wake.notify_one();
    };
    const auto post = [&](std::coroutine_handle<> h) {
        const std::lock_guard guard{mutex};
        ready.push_back(h);
        wake.notify_one();
    };
    weir::limits limits{weir_test::configured(p), {.on_earlier_wake = on_earlier_wake, .resume = post}};
    auto first = limits.acquire("h", "metadata");
    counts seen;
    visit(limits, "h", {}, seen);
    visit(limits, "h", {}, seen);
    const auto began = std::chrono::steady_clock::now();
    const std::jthread other{[&] { first.release(); }};
    for (;;) {
        const instant next = limits.poll();
        std::unique_lock guard{mutex};
        wake.wait_for(guard, std::min<weir::duration>(next - limits.now(), 30s),
                      [&] { return is_earlier || !ready.empty(); });
        is_earlier = false;
        const std::vector<std::coroutine_handle<>> now = std::exchange(ready, {});
        guard.unlock();
        for (const std::coroutine_handle<> h : now)
            h.resume();
        if (seen.ended == 2)
            break;
    }
    CHECK(std::chrono::steady_clock::now() - began < 20s);
    CHECK(seen.granted == 2);
}
