// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/slow_link.hpp"
#include "support/store_checks.hpp"
#include "support/store_waits.hpp"

#include <chrono>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

redis_store waiting_store(const std::string& dsn) { return redis_store{weir::redis::parse_redis_dsn(dsn).value()}; }

}  // namespace

TEST_CASE("redis: more threads than connections, and a server that works: it makes all decisions") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    // The first use of a key takes up to three round trips, and three threads share a connection.
    weir_test::slow_link link{server.port(), {20ms, 0}, weir_test::seed_for("redis busy pool")};
    const std::string dsn = "redis://127.0.0.1:" + std::to_string(link.port());
    weir_test::check_busy_pool([&] { return waiting_store(dsn); }, 2, 12, 12);
    weir_test::check_busy_pool([&] { return waiting_store(dsn + "?pool=1&pool_wait_ms=20"); }, 2, 6, 6, 10'000);
}

TEST_CASE("redis: if a server refuses a further connection, verbs wait for the open ones") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server{{"--maxclients", "8"}};
    // The test's own connection and two of the store.
    REQUIRE(server.say({"CONFIG", "SET", "maxclients", "3"}) == "OK");
    weir_test::slow_link link{server.port(), {10ms, 0}, weir_test::seed_for("redis maxclients")};
    weir_test::check_busy_pool(
        [&] { return waiting_store("redis://127.0.0.1:" + std::to_string(link.port()) + "?pool=6"); }, 1, 8, 8);
}

TEST_CASE("redis: a server that hangs costs one timeout, and every retry_at is in the future") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir::registry limits{
        waiting_store(server.tcp()),
        weir::configuration::builder{}.defaults("metadata", weir_test::rates({{100, 1s}})).build().value()};
    const auto ask = [&] { return limits.try_acquire("h.org", "metadata"); };
    CHECK(ask());
    server.freeze();
    weir_test::check_hanging(limits, ask, 500ms);
    server.thaw();
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("h.org", "metadata").arrived();
    CHECK(std::chrono::steady_clock::now() - began < 1s);
}

TEST_CASE("redis: a connection that the server closed while it was idle costs no request") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server lasting;
    weir_test::redis_server impatient{{"--timeout", "1"}};
    for (const auto from : {weir::counting::response, weir::counting::admission})
        for (const bool waits_for_timeout : {false, true}) {
            auto& server = waits_for_timeout ? impatient : lasting;
            weir::registry limits{waiting_store(server.tcp()),
                                  weir::configuration::builder{}
                                      .defaults("metadata", weir_test::rates({{100, 1s}}, from))
                                      .build()
                                      .value()};
            limits.acquire("h.org", "metadata").arrived();
            if (waits_for_timeout) {
                std::this_thread::sleep_for(2500ms);
            } else {
                std::this_thread::sleep_for(20ms);
                CHECK(server.number({"CLIENT", "KILL", "TYPE", "normal"}) >= 1);
                std::this_thread::sleep_for(20ms);
            }
            auto got = limits.try_acquire("h.org", "metadata");
            CHECK(got);
            if (got)
                std::move(got).take().arrived();
            limits.store().flush();
            CHECK(limits.inspect("h.org", "metadata")->state.open == 0);
        }
}
