// SPDX-License-Identifier: MIT
#include "weir/ext/redis/backend.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/registry/open_store.hpp"
#include "weir/registry/registry.hpp"
#include "weir/testing/conformance.hpp"

#include <chrono>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("redis: as any_store it does on random traces what a plain list of every stamp does") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir::testing::conformance_options options;
    options.seed = weir_test::seed_for("any_store, redis");
    options.traces = weir_test::cases_or(300);
    options.processes = 2;
    options.entry_ttl = 30ms;
    const auto make = [&] {
        auto o = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
        o.injected_time = true;
        o.origin = options.start;
        o.entry_ttl = options.entry_ttl;
        o.command_timeout = 10s;
        return weir::any_store{weir::redis::redis_store{o}};
    };
    for (const std::string& f : weir::testing::conform(make, options))
        FAIL_CHECK(f);
}

TEST_CASE("redis: registries whose stores were opened on one text share a budget") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir::policy p;
    p.rates = {{3, 1h}};
    const auto config =
        weir::configuration::builder{}.defaults("metadata", p).backend({"redis", server.unix_dsn()}).build().value();
    weir::registry one{weir::open_store(config.backend(), {weir::redis::backend}).value(), config};
    weir::registry other{weir::open_store(config.backend(), {weir::redis::backend}).value(), config};
    CHECK(one.try_acquire("h.org", "metadata").decision().granted());
    CHECK(other.try_acquire("h.org", "metadata").decision().granted());
    CHECK(one.try_acquire("h.org", "metadata").decision().granted());
    const auto denied = other.try_acquire("h.org", "metadata");
    CHECK(denied.decision().outcome == weir::outcome::denied);
    CHECK(denied.decision().cause == weir::cause::window);
}
