// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/conforms.hpp"
#include "support/remote_checks.hpp"

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;

weir::redis::redis_store injected(const std::string& dsn, weir::instant origin, weir::duration entry_ttl) {
    auto options = weir::redis::parse_redis_dsn(dsn).value();
    options.injected_time = true;
    options.origin = origin;
    options.entry_ttl = entry_ttl;
    options.command_timeout = 10s;
    return weir::redis::redis_store{options};
}

}  // namespace

TEST_CASE("redis: one process does on random traces what a plain list of every stamp does") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_conforms("redis, one process", 1'000, {},
                              [&](const auto& options) { return injected(server.unix_dsn(), options.start, 24h); });
}

TEST_CASE("redis: several processes, of which some die, do what a plain list of every stamp does") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_processes_conform("redis", 500, [&](const auto& options) {
        return injected(server.unix_dsn(), options.start, options.entry_ttl);
    });
}

TEST_CASE("redis: under injected time the store's clock shows what was injected last") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto store = injected(server.unix_dsn(), weir::instant{}, 24h);
    auto slot = store.make_slot("h.org", "metadata");
    weir::policy p;
    p.rates = {{1, 1s}};
    const auto plan = weir::plan_windows(p);
    CHECK(store.count(slot, plan, 1, weir::instant{5s}).admits());
    CHECK(store.now() == weir::instant{5s});
    CHECK_FALSE(store.count(slot, plan, 1, weir::instant{4s}).admits());
    CHECK(store.now() == weir::instant{5s});
}

TEST_CASE("redis: an abandoned request stays open until its grace is over, and takes no slot") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto store = injected(server.unix_dsn(), weir::instant{}, 24h);
    weir_test::check_abandoned(store);
}

TEST_CASE("redis: a cost above a cut window waits until that is empty, and is charged and taken back in full") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto store = injected(server.unix_dsn(), weir::instant{}, 24h);
    weir_test::check_costs(store);
    weir_test::check_large_refunds(store);
}
