// SPDX-License-Identifier: MIT
#pragma once

#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/registry/registry.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// How long a server is away in a test: `usual`, or five seconds where `WEIR_LONG_FAULTS` is 1.
inline std::chrono::milliseconds pause_of(std::chrono::milliseconds usual) {
    const char* text = std::getenv("WEIR_LONG_FAULTS");
    return text != nullptr && std::string_view{text} == "1" ? std::chrono::seconds{5} : usual;
}

/// Some processes' worth of threads, two each, that send as fast as they may, while something happens to the server.
/// `make()` gives the store of one.
struct load {
    static constexpr std::int64_t ms = 1'000'000;
    arrivals seen{};
    std::size_t refused = 0;
    std::int64_t longest_gap = 0;   ///< between two requests, in nanoseconds
    std::int64_t first_after = 0;   ///< from the end of the fault to the first request
    std::int64_t longest_call = 0;  ///< that somebody was kept waiting for an answer, whatever it was
    std::uint64_t losses = 0;
    std::int64_t open_at_end = -1;

    template <class Make, class Fault>
    load(Make&& make, const weir::policy& p, Fault&& fault, weir::duration after, int processes = 2) {
        const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
        using registry = decltype(weir::registry{make(), config});
        std::vector<std::unique_ptr<registry>> all;
        for (int i = 0; i < processes; ++i)
            all.push_back(std::make_unique<registry>(make(), config));
        auto& one = *all.front();
        std::atomic<bool> over = false;
        std::mutex mutex;
        const auto work = [&](auto& limits) {
            std::vector<std::int64_t> mine;
            std::size_t no = 0;
            std::int64_t longest = 0;
            while (!over) {
                const auto began = std::chrono::steady_clock::now();
                auto got = limits.wait_acquire("h.org", "metadata", {.max_delay = std::chrono::seconds{3}});
                longest = std::max<std::int64_t>(longest, (std::chrono::steady_clock::now() - began).count());
                if (!got) {
                    ++no;
                    continue;
                }
                auto permit = std::move(got).take();
                mine.push_back(limits.store().now().time_since_epoch().count());
                permit.arrived();
            }
            const std::lock_guard guard{mutex};
            refused += no;
            longest_call = std::max(longest_call, longest);
            for (const std::int64_t at : mine)
                seen.note(0, at);
        };
        std::int64_t ended = 0;
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 2; ++i)
                for (auto& limits : all)
                    threads.emplace_back([&] { work(*limits); });
            std::this_thread::sleep_for(std::chrono::milliseconds{400});
            fault();
            ended = one.store().now().time_since_epoch().count();
            std::this_thread::sleep_for(after);
            over = true;
        }
        for (auto& limits : all) {
            limits->store().flush();
            losses += limits->store().losses();
        }
        open_at_end = one.inspect("h.org", "metadata")->state.open;
        auto& times = seen.of_key[0];
        std::ranges::sort(times);
        for (std::size_t i = 1; i < times.size(); ++i)
            longest_gap = std::max(longest_gap, times[i] - times[i - 1]);
        const auto next = std::ranges::lower_bound(times, ended);
        first_after = next == times.end() ? INT64_MAX : *next - ended;
    }

    void tell(std::string_view what) const {
        std::cout << what << ": " << seen.count() << " requests, longest gap " << longest_gap / ms
                  << " ms, first after it " << first_after / ms << " ms, longest call " << longest_call / ms << " ms, "
                  << losses << " losses seen, " << refused << " refused, " << open_at_end << " open" << std::endl;
    }
};

}  // namespace weir_test
