// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace detail = weir::postgres::detail;
using weir::postgres::postgres_options;
using weir::postgres::postgres_store;

static_assert(weir::store<postgres_store>);
static_assert(!postgres_store::is_local);
static_assert(std::is_nothrow_move_constructible_v<postgres_store>);
static_assert(!std::is_copy_constructible_v<postgres_store>);

}  // namespace

TEST_CASE("postgres store: options that contradict each other are refused before a connection is made") {
    postgres_options o;
    o.pool = 0;
    CHECK_THROWS_AS(postgres_store{o}, weir::exception);
    o.pool = 1;
    CHECK_NOTHROW(postgres_store{o});
    o.schema = "a\"; DROP SCHEMA b; --";
    CHECK_THROWS_AS(postgres_store{o}, weir::exception);
}

TEST_CASE("postgres store: every statement of a migration names its schema, and no placeholder remains") {
    const std::string text = detail::migration_text(0, "docs", false);
    for (std::int64_t version = 1; version < detail::schema_version; ++version) {
        const std::string later = detail::migration_text(version, "docs", false);
        CHECK(text.ends_with(later));
        CHECK(later.find("CREATE TABLE") == std::string::npos);
    }
    CHECK(text.find('@') == std::string::npos);
    CHECK(text.find("CREATE OR REPLACE FUNCTION \"docs\".admit(") != std::string::npos);
    CHECK(text.find("UNLOGGED TABLE \"docs\".state") == std::string::npos);
    CHECK(detail::migration_text(0, "docs", true).find("UNLOGGED TABLE \"docs\".state") != std::string::npos);
    CHECK(detail::lock_class("docs") != detail::lock_class("weir"));
    for (const detail::statement& s : detail::statements) {
        INFO(s.name);
        CHECK(text.find("CREATE OR REPLACE FUNCTION \"docs\"." + std::string{s.name} + "(") != std::string::npos);
        CHECK(s.types.size() <= detail::parameter_list::max);
    }
}

TEST_CASE("postgres store: the messages name a transaction pooler, and hidden rows") {
    for (const char* state : {"42P05", "26000"})
        CHECK(detail::advice(state).find("pooler") != std::string_view::npos);
    CHECK(detail::advice("P0002").find("row security") != std::string_view::npos);
}

TEST_CASE("postgres store: parameters are sized and in the server's byte order") {
    detail::parameter_list values;
    values.number(0x0102030405060708);
    values.nothing();
    const std::string name{"a\0'b", 4};
    values.bytes(name);
    values.numbers(2);
    values.element(-1);
    values.element(std::numeric_limits<std::int64_t>::max());
    REQUIRE(values.count() == 4);
    const char* const* const all = values.values();
    CHECK(std::string_view(all[0], 8) == "\x01\x02\x03\x04\x05\x06\x07\x08");
    CHECK(all[1] == nullptr);
    CHECK(std::string_view(all[2], static_cast<std::size_t>(values.lengths()[2])) == name);
    const auto back = detail::parse_numbers({all[3], static_cast<std::size_t>(values.lengths()[3])});
    CHECK(back == std::vector<std::int64_t>{-1, std::numeric_limits<std::int64_t>::max()});
}

TEST_CASE("postgres store: an answer that is not a list of numbers is refused") {
    detail::parameter_list values;
    values.numbers(1);
    values.element(7);
    const std::string good{values.values()[0], static_cast<std::size_t>(values.lengths()[0])};
    CHECK(detail::parse_numbers(good) == std::vector<std::int64_t>{7});
    for (std::size_t i = 0; i < good.size(); ++i)
        CHECK_FALSE(detail::parse_numbers(std::string_view{good}.substr(0, i)).has_value());
    CHECK_FALSE(detail::parse_numbers(good + "x").has_value());
    for (const std::size_t i : {3U, 11U, 15U, 23U}) {
        std::string bad = good;
        bad[i] = 9;
        CHECK_FALSE(detail::parse_numbers(bad).has_value());
    }
}

TEST_CASE("postgres store: each error of the server has an advice") {
    CHECK(detail::advice("25006").find("primary") != std::string_view::npos);
    CHECK(detail::advice("57014").find("weir_command_timeout_ms") != std::string_view::npos);
    CHECK(detail::advice("42501").find("grant") != std::string_view::npos);
    CHECK(detail::advice("42P01").find("weir_migrate") != std::string_view::npos);
    CHECK_FALSE(detail::advice("XX000").empty());
    CHECK(detail::advice_on_connecting("FATAL:  password authentication failed for user \"x\"").find("password") !=
          std::string_view::npos);
    CHECK(detail::advice_on_connecting("FATAL:  sorry, too many clients already").find("weir_pool") !=
          std::string_view::npos);
}

TEST_CASE("postgres store: a new key has no history and is idle") {
    postgres_store store{postgres_options{}};
    const auto slot = store.make_slot("h.org", "metadata");
    CHECK(store.factor(slot).is_one());
    CHECK(store.idle(slot, {}, store.now()));
    CHECK(store.losses() == 0);
    CHECK_FALSE(postgres_store::counted_at({}).has_value());
    // Nothing was admitted: nothing is settled, and no connection is made for it.
    auto mine = slot;
    weir::entry none;
    CHECK_NOTHROW(store.settle(mine, {}, none, weir::settlement::released, store.now()));
    CHECK_NOTHROW(store.flush());
}

TEST_CASE("postgres store: its time is this machine's, or the latest that was injected") {
    postgres_store plain{postgres_options{}};
    const auto before = weir::steady_clock{}.now();
    CHECK(plain.now() >= before);
    CHECK(plain.after(weir::instant{5s}) >= before);
    postgres_options o;
    o.injected_time = true;
    postgres_store injected{o};
    CHECK(injected.now() == weir::instant{});
    CHECK(injected.after(weir::instant{5s}) == weir::instant{5s});
}
