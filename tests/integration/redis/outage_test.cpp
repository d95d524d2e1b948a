// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/holder_checks.hpp"
#include "support/workers.hpp"

#include "weir/registry/registry.hpp"

#include <signal.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

auto outage_store(const weir_test::redis_server& server) {
    auto options = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
    options.command_timeout = 200ms;
    options.connect_timeout = 200ms;
    return weir::redis::redis_store{options};
}

}  // namespace

TEST_CASE(
    "redis: eight processes whose server is away for two seconds stay below the rate, alone and when it is back") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir::policy p = weir_test::rates({{20, 1s}});
    p.on_store_error = weir::store_failure::local;
    const auto config = weir_test::held_by_policy(p);
    int failed = 0;
    auto all = weir_test::seen_in_processes(9, server.folder(), failed, [&](int n, weir_test::arrivals& seen) {
        if (n == 8) {
            std::this_thread::sleep_for(2s);
            ::kill(server.pid(), SIGSTOP);
            std::this_thread::sleep_for(2s);
            ::kill(server.pid(), SIGCONT);
            return;
        }
        weir::registry limits{outage_store(server), config};
        const auto end = std::chrono::steady_clock::now() + 8s;
        for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
            if (auto got = limits.try_acquire("h.org", "metadata"))
                seen.note(0, limits.store().now().time_since_epoch().count());
            std::this_thread::sleep_for(2ms);
        }
    });
    CHECK(failed == 0);
    CHECK(all.count() > 60);
    const auto over = all.windows_over(20, std::chrono::nanoseconds{1s}.count());
    std::cout << "away for 2 s, 8 processes: " << all.count() << " admitted, " << over << " windows over" << std::endl;
    CHECK(over == 0);
}

TEST_CASE("redis: the report of a key says that the store is away, and reads a key that this process never used") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const auto config = weir_test::held_by_policy(weir_test::rates({{20, 1h}}));
    weir::registry one{outage_store(server), config};
    CHECK(one.try_acquire("h.org", "metadata"));
    weir::registry limits{outage_store(server), config};
    const auto seen = limits.inspect("h.org", "metadata");
    REQUIRE(seen);
    CHECK(seen->error.empty());
    CHECK(seen->state.windows.at(0).used == 1);
    server.freeze();
    const auto away = limits.inspect("h.org", "metadata");
    server.thaw();
    REQUIRE(away);
    CHECK(away->error.find("no reply in time") != std::string::npos);
}

TEST_CASE("redis: an erasure forgets open entries only if it is told to") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const auto config = weir_test::held_by_policy(weir_test::rates({{1, 1h}}));
    weir::registry one{outage_store(server), config};
    auto held = one.try_acquire("h.org", "metadata");
    REQUIRE(held);
    weir::registry limits{outage_store(server), config};
    limits.erase("h.org", "metadata");
    CHECK_FALSE(limits.try_acquire("h.org", "metadata"));
    limits.erase("h.org", "metadata", weir::open_entries::too);
    CHECK(limits.try_acquire("h.org", "metadata"));
}
