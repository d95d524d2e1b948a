// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/conforms.hpp"
#include "support/remote_checks.hpp"

#include "weir/storage/any_store.hpp"

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;

weir::postgres::postgres_store injected(const std::string& dsn, weir::duration entry_ttl) {
    auto options = weir::postgres::parse_postgres_dsn(dsn).value();
    options.injected_time = true;
    options.entry_ttl = entry_ttl;
    options.command_timeout = 10s;
    options.connect_timeout = 10s;
    return weir::postgres::postgres_store{options};
}

}  // namespace

TEST_CASE("postgres: one process does on random traces what a plain list of every stamp does") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    // Copies of one store: to connect takes longer than a trace.
    const weir::any_store store{injected(server.plain_dsn("weir_schema=one weir_synchronous_commit=off"), 24h)};
    weir_test::check_conforms("postgres, one process", 1'960, {}, [&](const auto&) { return store; });
}

TEST_CASE("postgres: several processes, of which some die, do what a plain list of every stamp does") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    weir_test::check_processes_conform("postgres", 20, [&](const auto& options) {
        return injected(server.plain_dsn("weir_schema=several weir_unlogged=on"), options.entry_ttl);
    });
}

TEST_CASE("postgres: under injected time the store's clock shows what was injected last") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    auto store = injected(server.plain_dsn("weir_schema=times"), 24h);
    auto slot = store.make_slot("h.org", "metadata");
    weir::policy p;
    p.rates = {{1, 1s}};
    const auto plan = weir::plan_windows(p);
    CHECK(store.count(slot, plan, 1, weir::instant{5s}).admits());
    CHECK(store.now() == weir::instant{5s});
    CHECK_FALSE(store.count(slot, plan, 1, weir::instant{4s}).admits());
    CHECK(store.now() == weir::instant{5s});
}

// The units that fit without a look at the log were used by a clock that had stepped back, where stamps counted again.
TEST_CASE("postgres: room at one time is not room at an earlier time to which the clock stepped back") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    auto store = injected(server.plain_dsn("weir_schema=earlier"), 24h);
    auto slot = store.make_slot("h.org", "metadata");
    weir::policy p;
    p.rates = {{2, 20ms}};
    const auto plan = weir::plan_windows(p);
    const weir::instant begin{5s};
    CHECK(store.count(slot, plan, 2, begin).admits());
    weir::entry open, more;
    CHECK(store.admit(slot, plan, 1, begin + 25ms, open).admits());
    const auto f = store.admit(slot, plan, 1, begin + 15ms, more);
    CHECK(f.cause == weir::cause::window);
    CHECK(store.admit(slot, plan, 1, begin + 26ms, more).admits());
}

TEST_CASE("postgres: an abandoned request stays open until its grace is over, and takes no slot") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    auto store = injected(server.plain_dsn("weir_schema=single"), 24h);
    weir_test::check_abandoned(store);
}

TEST_CASE("postgres: a cost above a cut window waits until that is empty, and is charged and taken back in full") {
    WEIR_NEEDS_POSTGRES();
    const auto& server = weir_test::postgres_server::common();
    auto store = injected(server.plain_dsn("weir_schema=single"), 24h);
    weir_test::check_costs(store);
    weir_test::check_large_refunds(store);
}
