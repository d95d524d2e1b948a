// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;
constexpr auto window = 2ms;

struct admission {
    clock_type::time_point granted;   // not earlier than the truth
    clock_type::time_point answered;  // not later than the truth
    bool as_group;                    // whether all the while the two hosts were one key
};

weir::configuration apart() { return weir_test::configured(weir_test::limited({{1, window}})); }
weir::configuration together() {
    return weir::configuration::builder{}
        .defaults("metadata", weir_test::limited({{1, window}}))
        .global_max_inflight(0)
        .host_group("group", {"a.org", "b.org"})
        .build()
        .value();
}

}  // namespace

TEST_CASE("reloads that put hosts into a group and out of it never lose what either has used", "[threads]") {
    weir::registry limits{weir::memory_store{}, apart()};
    std::atomic<unsigned> state{0};  // odd while a reload runs; then of four, 0 is apart and 2 together
    std::atomic<bool> ends{false}, calm{false};
    std::array<std::vector<admission>, 4> seen;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < seen.size(); ++i)
        threads.emplace_back([&, i] {
            const char* host = i % 2 == 0 ? "a.org" : "b.org";
            while (!ends) {
                if (calm) {
                    std::this_thread::yield();
                    continue;
                }
                const unsigned before = state.load();
                auto got = limits.try_acquire(host, "metadata");
                const auto granted = clock_type::now();
                if (got) {
                    const bool as_group = state.load() == before && before % 4 == 2;
                    const auto answered = clock_type::now();
                    std::move(got).take().release();
                    seen[i].push_back({granted, answered, as_group});
                }
                std::this_thread::sleep_for(i * 700us);
            }
        });
    int moved = 0, refused = 0, tried = 0;
    for (const auto until = clock_type::now() + 1500ms; clock_type::now() < until;) {
        // A host in use stays where it is; now and then nobody uses any for longer than a window.
        calm = ++tried % 4 == 0;
        std::this_thread::sleep_for(calm ? 3 * window : 300us);
        const bool to_group = state.load() % 4 == 0;
        ++state;
        const auto fault = limits.reload(to_group ? together() : apart());
        if (!fault) {
            ++refused;
            CHECK(fault.error().message.find("is in use") != std::string::npos);
            --state;
        } else {
            ++moved;
            for (const auto& key : limits.inspect())
                CHECK((key.key.host == "group") == to_group);
            ++state;
        }
        calm = false;
    }
    ends = true;
    threads.clear();
    std::vector<admission> all;
    for (const auto& one : seen)
        all.insert(all.end(), one.begin(), one.end());
    std::ranges::sort(all, {}, &admission::granted);
    std::size_t over = 0, grouped = 0;
    for (const admission& a : all) {
        grouped += a.as_group;
        if (a.as_group)
            over += static_cast<std::size_t>(std::ranges::count_if(all, [&](const admission& before) {
                return before.granted < a.granted && a.granted - before.answered < window;
            }));
    }
    CHECK(over == 0);
    CHECK(moved > 0);
    CHECK(grouped > 0);
    INFO(moved << " reloads took effect, " << refused << " were refused, " << all.size() << " requests");
    CHECK(all.size() > 10);
}
