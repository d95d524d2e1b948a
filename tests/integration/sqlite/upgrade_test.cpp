// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/detail/upgrade.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

namespace {

using namespace std::chrono_literals;
namespace sqlite_detail = weir::sqlite::detail;

constexpr auto newest_format = static_cast<std::int64_t>(sqlite_detail::migrations.size());

weir::window_plan ten_an_hour() {
    weir::policy p;
    p.rates = {{10, 1h}};
    return weir::plan_windows(p);
}
std::int64_t used_of(const weir::sqlite::sqlite_options& options) {
    weir::sqlite::sqlite_store opened{options};
    auto slot = opened.make_slot("h", "r");
    return opened.read(slot, ten_an_hour(), opened.now()).windows.at(0).used;
}
void use_once(const weir::sqlite::sqlite_options& options) {
    weir::sqlite::sqlite_store opened{options};
    auto slot = opened.make_slot("h", "r");
    REQUIRE(opened.count(slot, ten_an_hour(), 1, opened.now()).admits());
}
std::int64_t format_of(const weir_test::scratch& here) {
    sqlite_detail::patience waiting;
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    sqlite_detail::connection db{here.file(), waiting};
    return sqlite_detail::ask(db, "PRAGMA user_version");
}

}  // namespace

TEST_CASE("sqlite: a file of each older format is updated by hand, after the text of it was printed") {
    for (std::int64_t version = 1; version < newest_format; ++version) {
        INFO("from version " << version);
        const weir_test::scratch here;
        {
            sqlite_detail::patience waiting;
            waiting.begin(std::chrono::steady_clock::now() + 1s);
            sqlite_detail::connection db{here.file(), waiting};
            sqlite_detail::use_wal(db);
            sqlite_detail::migrate(db, std::span{sqlite_detail::migrations}.first(static_cast<std::size_t>(version)));
        }
        sqlite_detail::upgrader store{here.options()};
        const auto step = store.plan(newest_format);
        CHECK(step.from == version);
        CHECK(step.sql.find("BEGIN IMMEDIATE") == 0);
        CHECK(step.sql.find(sqlite_detail::migrations.back()) != std::string::npos);
        CHECK(format_of(here) == version);
        store.carry_out(step);
        CHECK(format_of(here) == newest_format);
        CHECK(store.plan(newest_format).sql.empty());
        auto options = here.options();
        options.migrate = false;
        use_once(options);
        CHECK(used_of(options) == 1);
    }
}

TEST_CASE("sqlite: one version back, the program before uses the file with all its history, and forward again") {
    const weir_test::scratch here;
    for (int i = 0; i < 3; ++i)
        use_once(here.options());
    {
        sqlite_detail::upgrader store{here.options()};
        store.carry_out(store.plan(newest_format - 1));
        CHECK(format_of(here) == newest_format - 1);
        CHECK_THROWS_AS(store.plan(newest_format - 2), weir::store_error);
        // The program before accepts it, and finds every column that it has made.
        sqlite_detail::patience waiting;
        waiting.begin(std::chrono::steady_clock::now() + 1s);
        sqlite_detail::connection db{here.file(), waiting};
        sqlite_detail::migrate(db, std::span{sqlite_detail::migrations}.first(newest_format - 1));
        const weir_test::scratch other;
        sqlite_detail::connection fresh{other.file(), waiting};
        sqlite_detail::migrate(fresh, std::span{sqlite_detail::migrations}.first(newest_format - 1));
        const char* const columns =
            "SELECT count(*) FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.name <> 'holders'";
        CHECK(sqlite_detail::ask(db, columns) == sqlite_detail::ask(fresh, columns));
    }
    CHECK(used_of(here.options()) == 3);
    CHECK(format_of(here) == newest_format);
}

TEST_CASE("sqlite: a missing file, a foreign one and a newer one are not changed") {
    const weir_test::scratch here;
    CHECK_THROWS_AS(sqlite_detail::upgrader{here.options()}, weir::store_error);
    sqlite_detail::patience waiting;
    waiting.begin(std::chrono::steady_clock::now() + 1s);
    {
        sqlite_detail::connection db{here.file(), waiting};
        db.execute("CREATE TABLE theirs (a)");
    }
    CHECK_THROWS_AS(sqlite_detail::upgrader{here.options()}, weir::store_error);
    const weir_test::scratch newer;
    {
        sqlite_detail::connection db{newer.file(), waiting};
        sqlite_detail::migrate(db);
        db.execute("PRAGMA user_version = 99");
    }
    sqlite_detail::upgrader store{newer.options()};
    CHECK_THROWS_AS(store.plan(newest_format), weir::store_error);
}
