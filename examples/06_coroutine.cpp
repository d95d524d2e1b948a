// SPDX-License-Identifier: MIT
//
// Coroutines wait for permits with co_await; an event loop written by hand resumes them, on one thread. It is called
// back when it must look again, so an answer on another thread never finds it asleep for too long.

#include "weir/registry/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

class event_loop {
public:
    // Both are called from any thread.
    void post(std::coroutine_handle<> h) {
        const std::lock_guard guard{mutex_};
        ready_.push_back(h);
        changed_.notify_one();
    }
    void look_again() {
        const std::lock_guard guard{mutex_};
        must_look_ = true;
        changed_.notify_one();
    }

    void run(weir::limits& limits, const int& unfinished) {
        while (unfinished > 0) {
            const weir::instant next = limits.poll();  // posts those whose turn has come
            std::unique_lock guard{mutex_};
            changed_.wait_for(guard, std::min<weir::duration>(next - limits.now(), 1h),
                              [&] { return must_look_ || !ready_.empty(); });
            must_look_ = false;
            const auto now = std::exchange(ready_, {});
            guard.unlock();
            for (const std::coroutine_handle<> h : now)
                h.resume();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::coroutine_handle<>> ready_;
    bool must_look_ = false;
};

// A coroutine that starts at once. No caller waits for its end.
struct task {
    struct promise_type {
        task get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

task fetch(weir::limits& limits, int number, std::stop_token stop, std::jthread& network, int& unfinished) {
    weir::limits::admission got = co_await limits.async_acquire("api.crossref.org", "metadata", {}, std::move(stop));
    fmt::print("request {} {}\n", number, weir::to_string(got.decision().outcome));
    if (got) {
        // The answer comes on a thread of the HTTP client's.
        network = std::jthread{[permit = std::move(got).take()]() mutable {
            permit.arrived({.status = 200});
            permit.release();
        }};
    }
    --unfinished;
}

int main() {
    weir::policy policy;
    policy.rates = {{2, 200ms}};
    policy.max_concurrent = 1;
    policy.max_delay = 10s;
    const auto config = weir::configuration::builder{}.host("api.crossref.org", "metadata", policy).build().value();

    event_loop loop;
    weir::limits limits{
        config,
        {.on_earlier_wake = [&] { loop.look_again(); }, .resume = [&](std::coroutine_handle<> h) { loop.post(h); }}};
    weir::limits::permit first = limits.acquire("api.crossref.org", "metadata");
    std::stop_source stop;
    std::jthread network[5];
    int unfinished = 5;
    for (int i = 0; i < 4; ++i)
        fetch(limits, i, {}, network[i], unfinished);
    fetch(limits, 4, stop.get_token(), network[4], unfinished);
    stop.request_stop();
    first.refund();
    loop.run(limits, unfinished);
}
