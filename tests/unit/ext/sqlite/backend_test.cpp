// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/backend.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/registry/open_store.hpp"
#include "weir/testing/conformance.hpp"

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using weir_test::scratch;

TEST_CASE("sqlite backend: as any_store it does on random traces what a plain list of every stamp does") {
    const scratch here;
    auto options = here.options();
    options.injected_time = true;
    options.synchronous = weir::sqlite::durability::off;
    options.entry_ttl = 40ms;
    weir::sqlite::sqlite_store keeper{options};
    keeper.open();
    weir::testing::conformance_options c;
    c.seed = weir_test::seed_for("any_store, sqlite");
    c.traces = weir_test::cases_or(500 / weir_test::slowness);
    c.processes = 2;
    c.entry_ttl = options.entry_ttl;
    const auto make = [&] { return weir::any_store{weir::sqlite::sqlite_store{options}}; };
    for (const std::string& f : weir::testing::conform(make, c))
        FAIL_CHECK(f);
}

TEST_CASE("sqlite backend: stores opened on one text share a budget, and the file is made by the first verb") {
    const scratch here;
    const weir::backend_options wanted{"sqlite", "sqlite://" + here.options().path};
    auto one = weir::open_store(wanted, {weir::sqlite::backend}).value();
    auto other = weir::open_store(wanted, {weir::sqlite::backend}).value();
    weir::policy p;
    p.rates = {{1, 1h}};
    const auto plan = weir::plan_windows(p);
    auto a = one.make_slot("h", "r");
    auto b = other.make_slot("h", "r");
    CHECK(one.count(a, plan, 1, one.now()).admits());
    CHECK_FALSE(other.count(b, plan, 1, other.now()).admits());
}

TEST_CASE("sqlite backend: a text that cannot be read, and none at all, are errors") {
    const auto trouble = [](std::string dsn) {
        return weir::open_store({"sqlite", std::move(dsn)}, {weir::sqlite::backend}).error().message;
    };
    CHECK(trouble("") ==
          "backend.dsn: the sqlite store needs a connection text; write sqlite:///var/lib/app/limits.db");
    CHECK(trouble("limits.db") == R"(backend.dsn: it does not begin with "sqlite:"; write sqlite:///path/to/file)");
    CHECK(trouble("sqlite::memory:") ==
          "backend.dsn: path: it must be a plain file name; for limits inside one process "
          "use the memory backend");
}
