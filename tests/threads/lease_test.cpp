// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"

#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;
using process = weir::registry<weir::testing::shared_store<>>;

}  // namespace

TEST_CASE(
    "lease: threads of two processes draw, answer, refund, give up and poll; no window is over, nothing is left") {
    weir::testing::shared_store<> common;
    common.before([](std::string_view) { std::this_thread::sleep_for(20us); });
    for (const auto from : {weir::counting::response, weir::counting::admission}) {
        weir::policy p;
        p.rates = {{40, 10ms}, {400, 200ms}};
        p.max_delay = 1h;
        p.count_from = from;
        p.lease = 10;
        const auto config =
            weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(6).build().value();
        const auto kept = common.make_slot("h.org", "metadata");
        std::vector<instant> sent;
        std::mutex mutex;
        std::atomic<int> given_up = 0;
        {
            process one{common, config}, other{common, config};
            const auto work = [&](process& limits, unsigned number) {
                std::vector<instant> mine;
                for (unsigned i = 0; i < 300; ++i) {
                    std::stop_source give_up;
                    weir::acquire_options a;
                    if (i % 17 == number) {
                        a.max_delay = 100us;
                        a.stop = give_up.get_token();
                    }
                    auto got = limits.wait_acquire("h.org", "metadata", a);
                    if (!got) {
                        ++given_up;
                        continue;
                    }
                    if (i % 7 == 0) {
                        got.permit().refund();
                        continue;
                    }
                    mine.push_back(limits.store().now());
                    if (i % 3 != 0)
                        got.permit().arrived();
                }
                const std::lock_guard guard{mutex};
                sent.insert(sent.end(), mine.begin(), mine.end());
            };
            std::vector<std::jthread> all;
            for (unsigned t = 0; t < 4; ++t) {
                all.emplace_back([&, t] { work(one, t); });
                all.emplace_back([&, t] { work(other, t); });
            }
            all.emplace_back([&](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                    one.poll();
                    other.poll();
                    std::this_thread::sleep_for(1ms);
                }
            });
            for (std::size_t t = 0; t < 8; ++t)
                all[t].join();
        }
        CHECK(given_up < 2'400 / 17 + 8);
        std::ranges::sort(sent);
        // Counted from the admission, a request may be noted late: then this window is not the promise's.
        if (from == weir::counting::response)
            for (std::size_t i = 40; i < sent.size(); ++i)
                REQUIRE(sent[i] - sent[i - 40] >= 10ms);
        process after{common, config};
        const auto handle = after.at("h.org", "metadata");
        const auto left = after.inspect("h.org", "metadata");
        CHECK(left->state.open == 0);
        CHECK(left->state.in_flight == 0);
    }
}
