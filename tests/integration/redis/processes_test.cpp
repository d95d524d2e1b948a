// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/leased.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"
#include "support/workers.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

/// Notes the server's time of every admission that is counted from then.
class noting_store : public redis_store {
public:
    using redis_store::redis_store;

    [[nodiscard]] weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                                         weir::entry& out) {
        const auto f = redis_store::admit(s, plan, cost, now, out);
        if (f.admits())
            *last_ = counted_at(out).value_or(0us).count();
        return f;
    }
    [[nodiscard]] std::int64_t last() const noexcept { return *last_; }

private:
    std::unique_ptr<std::int64_t> last_ = std::make_unique<std::int64_t>(0);
};
static_assert(weir::store<noting_store>);

noting_store a_noting_store(const weir_test::redis_server& server, bool over_tcp) {
    auto options = weir::redis::parse_redis_dsn(over_tcp ? server.tcp() : server.unix_dsn()).value();
    options.command_timeout = 10s;
    return noting_store{options};
}

}  // namespace

TEST_CASE("redis: four processes on one hot key, until the response: no window over, and the sum is right") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const std::uint64_t seed = weir_test::seed_for("redis, one hot key");
    const auto config = weir_test::limited({{800, 100ms}, {3'000, 500ms}, {1'000'000, 1h}}, weir::counting::response);
    constexpr int each = 5'000;
    const auto began = std::chrono::steady_clock::now();
    int failed = 0;
    auto all = weir_test::seen_in_processes(4, server.folder(), failed, [&](int p, weir_test::arrivals& seen) {
        weir::registry limits{a_noting_store(server, p % 2 == 0), config};
        std::mt19937_64 random{seed + static_cast<std::uint64_t>(p)};
        for (int i = 0; i < each; ++i) {
            auto permit = limits.acquire("h.org", "metadata");
            // Any moment between admission and response may be the one at which the server hears of it.
            seen.note(0, limits.store().now().time_since_epoch().count());
            if (random() % 2 == 0)
                permit.arrived();
        }
        limits.store().flush();
    });
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(failed == 0);
    CHECK(all.count() == 4 * each);
    CHECK(all.windows_over(800, std::chrono::nanoseconds{100ms}.count()) == 0);
    CHECK(all.windows_over(3'000, std::chrono::nanoseconds{500ms}.count()) == 0);
    std::cout << "one hot key: 20000 acquires in " << std::chrono::duration<double>(took).count() << " s" << std::endl;

    weir::registry limits{a_noting_store(server, true), config};
    static_cast<void>(limits.at("h.org", "metadata"));
    const auto report = limits.inspect("h.org", "metadata");
    REQUIRE(report.has_value());
    CHECK(report->state.open == 0);
    CHECK(report->state.windows.at(2).used == 4 * each);
}

TEST_CASE("redis: four processes on a thousand keys, from the admission: no window over by the server's clock") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const std::uint64_t seed = weir_test::seed_for("redis, a thousand keys");
    const auto config = weir_test::limited({{20, 100ms}, {60, 500ms}}, weir::counting::admission);
    constexpr int each = 5'000;
    constexpr int keys = 1'000;
    const auto began = std::chrono::steady_clock::now();
    int failed = 0;
    auto all = weir_test::seen_in_processes(4, server.folder(), failed, [&](int p, weir_test::arrivals& seen) {
        weir::registry limits{a_noting_store(server, p % 2 == 0), config};
        std::mt19937_64 random{seed + static_cast<std::uint64_t>(p)};
        for (int i = 0; i < each; ++i) {
            // Most on a few, so that windows fill.
            const int key = static_cast<int>(random() % (random() % 2 == 0 ? keys : keys / 50));
            auto permit = limits.acquire("h" + std::to_string(key) + ".org", "metadata");
            if (random() % 20 == 0)
                permit.refund();
            else
                seen.note(key, limits.store().last());
        }
        limits.store().flush();
    });
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(failed == 0);
    CHECK(all.count() > 4 * each * 9 / 10);
    CHECK(all.count() < 4 * each);
    CHECK(all.of_key.size() > keys * 9 / 10);
    CHECK(all.windows_over(20, 100'000) == 0);
    CHECK(all.windows_over(60, 500'000) == 0);
    std::cout << "a thousand keys: 20000 acquires in " << std::chrono::duration<double>(took).count() << " s"
              << std::endl;
}

TEST_CASE("redis: four processes share a key by leases: no window over, and every unit is used or back") {
    WEIR_NEEDS_REDIS();
    const weir_test::redis_server server;
    weir_test::check_leases("redis, leases", server.folder(), [&] { return a_noting_store(server, true); });
}

TEST_CASE("redis: two processes learn at once, no step is lost, and the state survives whatever the factor survives") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server{{"--appendonly", "yes", "--appendfsync", "always"}};
    auto options = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
    options.command_timeout = 10s;
    weir_test::check_learning([&] { return redis_store{options}; },
                              [&] {
                                  server.kill();
                                  server.start();
                              });
}

TEST_CASE("redis: the entries of a killed process count until they expire, and one window longer") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto options = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
    options.entry_ttl = 400ms;
    weir_test::check_killed_holder([&] { return redis_store{options}; });
}

TEST_CASE("redis: a 429 in one process stops another, until the stated time") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_stopped([&] { return a_noting_store(server, true); });
}

TEST_CASE("redis: a gate that one process takes away by hand is gone for another a second later") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_opened([&] { return a_noting_store(server, true); });
}

TEST_CASE("redis: a child of fork cannot use its parent's store, and can make its own") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_forked([&] { return a_noting_store(server, true); });
}
