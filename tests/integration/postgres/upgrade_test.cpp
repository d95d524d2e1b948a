// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/detail/upgrade.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/catch.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/ext/postgres/postgres_store.hpp"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace {

using namespace std::chrono_literals;
namespace postgres_detail = weir::postgres::detail;
using weir_test::postgres_server;

weir::postgres::postgres_options options_for(const std::string& schema) {
    auto out = weir::postgres::parse_postgres_dsn(postgres_server::common().plain_dsn("weir_schema=" + schema)).value();
    out.command_timeout = 10s;
    out.connect_timeout = 10s;
    return out;
}
std::string as_limiter(const std::string& text) {
    return postgres_server::common().run(text, "user=limiter dbname=limits");
}
std::string all_of(const std::string& schema) {
    return as_limiter(
        "SELECT string_agg(t, ' ' ORDER BY t) FROM (SELECT p.proname || md5(p.prosrc) AS t FROM pg_proc p "
        "WHERE p.pronamespace = '" +
        schema +
        "'::regnamespace UNION ALL SELECT c.table_name || '.' || c.column_name || ' ' || c.data_type FROM "
        "information_schema.columns c WHERE c.table_schema = '" +
        schema + "') x");
}
/// A schema as programs of an older version made it.
void make_first(std::int64_t version) {
    as_limiter("DROP SCHEMA IF EXISTS first CASCADE; CREATE SCHEMA first");
    for (std::int64_t v = 1; v <= version; ++v) {
        std::ifstream file{WEIR_SOURCE_DIR "/tests/integration/postgres/support/schemas/version_" + std::to_string(v) +
                           ".sql"};
        REQUIRE(file);
        as_limiter(std::string{std::istreambuf_iterator<char>{file}, {}});
    }
}
weir::window_plan ten_per_hour() {
    weir::policy p;
    p.rates = {{10, 1h}};
    p.count_from = weir::counting::admission;
    return weir::plan_windows(p);
}

}  // namespace

TEST_CASE("postgres: a schema of each older version is updated by hand, after the text of it was printed") {
    WEIR_NEEDS_POSTGRES();
    constexpr std::int64_t newest = postgres_detail::schema_version;
    for (std::int64_t version = 0; version < newest; ++version) {
        INFO("from version " << version);
        if (version == 0)
            as_limiter("DROP SCHEMA IF EXISTS first CASCADE");
        else
            make_first(version);
        postgres_detail::upgrader store{options_for("first")};
        const auto step = store.plan(newest);
        CHECK(step.from == version);
        CHECK(step.sql.find("BEGIN;") == 0);
        CHECK(step.sql.find('@') == std::string::npos);
        if (version == 0)
            CHECK(as_limiter("SELECT to_regnamespace('first') IS NULL") == "t");
        else
            CHECK(as_limiter("SELECT version FROM first.meta") == std::to_string(version));
        // The printed text is all that an administrator needs.
        if (version % 2 == 0)
            as_limiter(step.sql);
        else
            store.carry_out(step);
        CHECK(as_limiter("SELECT version FROM first.meta") == std::to_string(newest));
        CHECK(store.plan(newest).sql.empty());
        auto options = options_for("first");
        options.migrate = false;
        weir::postgres::postgres_store used{options};
        auto slot = used.make_slot("h.org", "metadata");
        CHECK(used.count(slot, ten_per_hour(), 1, used.now()).admits());
        CHECK(used.keys().size() == 1);
        if (version > 0)
            CHECK_THROWS_AS(store.carry_out(step), weir::store_error);
    }
}

TEST_CASE("postgres: one version back is the schema of that version, with all its history, and forward again") {
    WEIR_NEEDS_POSTGRES();
    constexpr std::int64_t newest = postgres_detail::schema_version;
    make_first(newest - 1);
    const std::string before = all_of("first");
    postgres_detail::upgrader store{options_for("first")};
    store.carry_out(store.plan(newest));
    {
        weir::postgres::postgres_store used{options_for("first")};
        auto slot = used.make_slot("h.org", "metadata");
        for (int i = 0; i < 3; ++i)
            REQUIRE(used.count(slot, ten_per_hour(), 1, used.now()).admits());
    }
    CHECK(all_of("first") != before);
    store.carry_out(store.plan(newest - 1));
    CHECK(all_of("first") == before);
    CHECK(as_limiter("SELECT (first.read(0, 'h.org', 'metadata', NULL, '{3600000000000}', 64, 3600000000000))[9]") ==
          "3");
    CHECK_THROWS_AS(store.plan(newest - 2), weir::store_error);
    store.carry_out(store.plan(newest));
    weir::postgres::postgres_store used{options_for("first")};
    auto slot = used.make_slot("h.org", "metadata");
    CHECK(used.read(slot, ten_per_hour(), used.now()).windows.at(0).used == 3);
}

TEST_CASE("postgres: a schema of a newer version is not changed") {
    WEIR_NEEDS_POSTGRES();
    make_first(1);
    as_limiter("UPDATE first.meta SET version = 99");
    postgres_detail::upgrader store{options_for("first")};
    CHECK_THROWS_AS(store.plan(postgres_detail::schema_version), weir::store_error);
    CHECK(as_limiter("SELECT version FROM first.meta") == "99");
}
