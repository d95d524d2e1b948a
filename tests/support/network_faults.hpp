// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/slow_link.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// What a bad network does to a shared store, the same for each. `link` leads to the server; `make(port, limit)` gives
// the store of one process that goes through that port and waits at most `limit` to connect, and as long for a reply.

namespace weir_test {

using namespace std::chrono_literals;

inline weir::policy network_policy(std::vector<weir::rate> all) {
    weir::policy p;
    p.rates = std::move(all);
    p.max_delay = 30s;
    p.on_store_error = weir::store_failure::closed;
    return p;
}

/// Nothing over, nothing left open, nobody kept longer than their 3 s and the two limits that a last try may take.
inline void check_promise(load& l, const weir::policy& p, std::chrono::milliseconds limit) {
    for (const weir::rate& r : p.rates)
        CHECK(l.seen.windows_over(static_cast<std::size_t>(r.limit), r.period.count()) == 0);
    CHECK(l.open_at_end == 0);
    CHECK(l.losses == 0);
    CHECK(l.longest_call < std::chrono::nanoseconds{3s + 3 * limit}.count());
}
inline void tell_link(std::string_view name, const slow_link& link) {
    const auto seen = link.seen();
    std::cout << name << ": " << seen.connections << " connections, " << seen.packets << " packets, " << seen.lost
              << " lost, " << seen.cut << " replies cut" << std::endl;
}

template <class Make>
void far_and_lossy(std::string_view name, slow_link& link, Make&& make) {
    constexpr auto limit = 2500ms;
    const auto p = network_policy({{4, 400ms}, {20, 2s}});
    link.set({100ms, 5});
    load l{[&] { return make(link.port(), limit); }, p,
           [&] {
               std::this_thread::sleep_for(pause_of(1800ms));
               link.set({});
           },
           500ms, 3};
    l.tell(fmt::format("{}: 200 ms away, 5 % lost", name));
    tell_link(name, link);
    CHECK(link.seen().lost > 0);
    CHECK(l.seen.count() >= 10);
    CHECK(l.first_after < 1'000 * load::ms);
    check_promise(l, p, limit);
}

template <class Make>
void cut_mid_reply(std::string_view name, slow_link& link, Make&& make) {
    constexpr auto limit = 500ms;
    const auto p = network_policy({{40, 100ms}});
    load l{[&] { return make(link.port(), limit); }, p,
           [&] {
               const auto until = std::chrono::steady_clock::now() + pause_of(400ms);
               while (std::chrono::steady_clock::now() < until) {
                   link.reset_mid_reply();
                   std::this_thread::sleep_for(20ms);
               }
           },
           300ms, 3};
    l.tell(fmt::format("{}: reset in the middle of replies", name));
    tell_link(name, link);
    CHECK(link.seen().cut > 3);
    CHECK(l.first_after < 1'000 * load::ms);
    check_promise(l, p, limit);
}

template <class Make>
void black_hole(std::string_view name, slow_link& link, Make&& make) {
    constexpr auto limit = 300ms;
    const auto p = network_policy({{40, 100ms}, {250, 1s}});
    load l{[&] { return make(link.port(), limit); }, p,
           [&] {
               link.stop();
               std::this_thread::sleep_for(pause_of(800ms));
               link.go();
           },
           900ms, 3};
    l.tell(fmt::format("{}: nothing comes through", name));
    tell_link(name, link);
    CHECK(l.longest_gap > std::chrono::nanoseconds{pause_of(800ms) - 50ms}.count());
    CHECK(l.first_after < 1'000 * load::ms);
    check_promise(l, p, limit);
}

/// Admissions that nobody will use are taken back: one whose reply breaks off, although it is the first on its key, and
/// one that TCP would send again behind what takes it back.
template <class Make>
void given_up(slow_link& link, Make&& make) {
    auto store = make(link.port(), 300ms);
    const auto plan = weir::plan_windows(network_policy({{10, 1h}}));
    weir::entry e;
    const auto admit = [&](auto& slot) { return store.admit(slot, plan, 1, store.now(), e); };
    const auto admits_in_the_end = [&](auto& slot) {
        for (int i = 0; i < 200; ++i)
            try {
                return admit(slot).admits();
            } catch (const weir::store_error&) {
                std::this_thread::sleep_for(10ms);
            }
        return false;
    };
    // Each of the four connections is somebody's home.
    for (const char* host : {"a.org", "b.org", "c.org", "d.org"}) {
        auto other = store.make_slot(host, "metadata");
        CHECK(admits_in_the_end(other));
    }
    std::this_thread::sleep_for(50ms);
    auto slot = store.make_slot("h.org", "metadata");
    link.reset_mid_reply();
    CHECK_THROWS_AS(admit(slot), weir::store_error);
    CHECK(link.seen().cut == 1);
    CHECK(admits_in_the_end(slot));
    store.flush();
    CHECK(store.read(slot, plan, store.now()).open == 1);

    link.stop();
    CHECK_THROWS_AS(admit(slot), weir::store_error);
    std::this_thread::sleep_for(50ms);
    link.go();
    CHECK(admits_in_the_end(slot));
    store.flush();
    std::this_thread::sleep_for(400ms);
    CHECK(store.read(slot, plan, store.now()).open == 2);
}

}  // namespace weir_test
