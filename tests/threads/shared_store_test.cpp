// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"
#include "support/seed.hpp"

#include "weir/config/configuration.hpp"
#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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

/// A common store that is slow, and notes when it admitted what.
class noting_store : public weir::testing::shared_store<> {
public:
    noting_store() {
        before([](std::string_view) { std::this_thread::sleep_for(20us); });
    }
    [[nodiscard]] weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, instant now,
                                         weir::entry& out) {
        const auto f = shared_store::admit(s, plan, cost, now, out);
        if (f.admits()) {
            const std::lock_guard guard{notes_->mutex};
            notes_->at.push_back(out.stamp);
        }
        return f;
    }
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, instant now) {
        if (how == weir::settlement::refunded && e.state == weir::entry_state::stamped) {
            const std::lock_guard guard{notes_->mutex};
            notes_->at.erase(std::ranges::find(notes_->at, e.stamp));
        }
        shared_store::settle(s, plan, e, how, now);
    }
    [[nodiscard]] std::vector<instant> admissions() const {
        const std::lock_guard guard{notes_->mutex};
        auto out = notes_->at;
        std::ranges::sort(out);
        return out;
    }

private:
    struct notes {
        std::mutex mutex;
        std::vector<instant> at;
    };
    std::shared_ptr<notes> notes_ = std::make_shared<notes>();
};
static_assert(weir::store<noting_store>);

using noting_process = weir::registry<noting_store>;

weir::configuration configured(weir::counting from, std::int64_t inflight, std::int64_t concurrent) {
    weir::policy p;
    p.rates = {{20, 10ms}, {200, 200ms}};
    p.max_delay = 1h;
    p.count_from = from;
    p.max_concurrent = concurrent;
    return weir::configuration::builder{}.defaults("metadata", p).global_max_inflight(inflight).build().value();
}

}  // namespace

TEST_CASE("two processes on one slow store: no window over, every waiter answered, every slot given back") {
    const std::uint64_t seed = weir_test::seed_for("two processes");
    for (const auto& [inflight, concurrent] : {std::pair{0, 0}, std::pair{3, 0}, std::pair{0, 2}}) {
        noting_store common;
        const auto config = configured(weir::counting::admission, inflight, concurrent);
        noting_process one{common, config}, other{common, config};
        std::atomic<int> granted{0}, refused{0}, cancelled{0};
        constexpr int threads = 4, each = 60;
        const auto work = [&](noting_process& p, std::uint64_t mine) {
            std::mt19937_64 random{seed + mine};
            for (int i = 0; i < each; ++i) {
                std::stop_source stop;
                weir::acquire_options a;
                a.stop = stop.get_token();
                std::jthread canceller;
                const auto dice = random() % 10;
                if (dice == 0)
                    a.max_delay = 2ms;
                if (dice == 1)
                    canceller = std::jthread{[&stop, wait = random() % 3000] {
                        std::this_thread::sleep_for(std::chrono::microseconds{wait});
                        stop.request_stop();
                    }};
                auto got = dice == 2 ? p.try_acquire("h.org", "metadata", a) : p.wait_acquire("h.org", "metadata", a);
                if (!got) {
                    ++(got.decision().outcome == weir::outcome::cancelled ? cancelled : refused);
                    continue;
                }
                ++granted;
                auto permit = std::move(got).take();
                if (dice == 3) {
                    permit.refund();
                } else {
                    permit.arrived();
                    permit.release();
                }
            }
        };
        {
            std::vector<std::jthread> all;
            for (std::uint64_t t = 0; t < threads; ++t) {
                all.emplace_back(work, std::ref(one), 2 * t);
                all.emplace_back(work, std::ref(other), 2 * t + 1);
            }
        }
        CHECK(granted + refused + cancelled == 2 * threads * each);
        CHECK(granted > threads * each);
        CHECK(one.in_flight() == 0);
        CHECK(other.in_flight() == 0);
        const auto seen = one.inspect("h.org", "metadata");
        REQUIRE(seen.has_value());
        CHECK(seen->state.in_flight == 0);
        CHECK(seen->waiting == 0);
        CHECK(weir_test::max_within(common.admissions(), 10ms) <= 20);
        CHECK(weir_test::max_within(common.admissions(), 200ms) <= 200);
    }
}

TEST_CASE("two processes on one slow store, until the response: at no moment more than N open or answered within T") {
    noting_store common;
    const auto config = configured(weir::counting::response, 0, 0);
    noting_process one{common, config}, other{common, config};
    const auto work = [&](noting_process& p) {
        for (int i = 0; i < 60; ++i) {
            auto permit = p.acquire("h.org", "metadata");
            permit.arrived();
        }
    };
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t) {
            all.emplace_back(work, std::ref(one));
            all.emplace_back(work, std::ref(other));
        }
    }
    const auto at = common.admissions();
    CHECK(at.size() == 480);
    CHECK(weir_test::max_within(at, 10ms) <= 20);
    CHECK(weir_test::max_within(at, 200ms) <= 200);
}

TEST_CASE("tickets on a slow store are served by poll, in order, beside a thread that blocks") {
    noting_store common;
    noting_process p{common, configured(weir::counting::admission, 0, 0)};
    std::vector<std::unique_ptr<noting_process::ticket>> tickets;
    std::vector<int> order;
    for (int i = 0; i < 60; ++i) {
        tickets.push_back(std::make_unique<noting_process::ticket>([&order, i](auto& t) {
            CHECK(t.decision().granted());
            order.push_back(i);
        }));
        p.submit(*tickets.back(), "h.org", "metadata");
    }
    std::jthread beside{[&] {
        auto permit = p.acquire("h.org", "metadata");
        permit.arrived();
    }};
    while (order.size() < tickets.size()) {
        const instant next = p.poll();
        std::this_thread::sleep_for(std::clamp<weir::duration>(next - p.store().now(), 10us, 5ms));
    }
    CHECK(std::ranges::is_sorted(order));
}
