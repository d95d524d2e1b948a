// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/catch.hpp"
#include "support/holder_checks.hpp"

#include <chrono>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

auto postgres_holders(const std::string& schema) {
    // The server is started here, and not in a process that a test forks.
    const std::string dsn = weir_test::postgres_server::common().plain_dsn("weir_schema=" + schema);
    return [dsn](const std::string& host) {
        auto options = weir::postgres::parse_postgres_dsn(dsn).value();
        options.holder_ttl = 600ms;
        options.holder_host = host;
        return weir::postgres::postgres_store{options};
    };
}

}  // namespace

TEST_CASE("postgres: what a killed process of this machine held comes back one window after its death") {
    WEIR_NEEDS_POSTGRES();
    weir_test::check_death(postgres_holders("deaths"));
}

TEST_CASE("postgres: a silent process of another machine is dead after its time to live, and a denial says when") {
    WEIR_NEEDS_POSTGRES();
    weir_test::check_silent_holder(postgres_holders("silence"));
}

TEST_CASE("postgres: a stopped process of this machine keeps what it has") {
    WEIR_NEEDS_POSTGRES();
    weir_test::check_living_holder(postgres_holders("living"));
}

TEST_CASE("postgres: without the list of holders decisions go on, and signs of life make its rows again") {
    WEIR_NEEDS_POSTGRES();
    auto store = postgres_holders("listed")("");
    CHECK(weir_test::trouble_of(store).empty());
    CHECK(store.holders().size() == 1);
    const auto& server = weir_test::postgres_server::common();
    server.run("TRUNCATE listed.holder", "user=limiter dbname=limits");
    CHECK(store.holders().empty());
    std::this_thread::sleep_for(250ms);
    CHECK(weir_test::trouble_of(store).empty());
    CHECK(store.holders().size() == 1);
    server.run("ALTER TABLE listed.holder RENAME TO gone", "user=limiter dbname=limits");
    std::this_thread::sleep_for(250ms);
    CHECK(weir_test::trouble_of(store).empty());
}
