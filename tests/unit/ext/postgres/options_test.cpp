// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/options.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using weir::lost_history;
using weir::postgres::parse_postgres_dsn;
using weir::postgres::postgres_options;

postgres_options parsed(std::string_view dsn) {
    auto out = parse_postgres_dsn(dsn);
    INFO(dsn);
    REQUIRE(out.has_value());
    return out.value();
}
std::string refused(std::string_view dsn) {
    const auto out = parse_postgres_dsn(dsn);
    INFO(dsn);
    REQUIRE_FALSE(out.has_value());
    CHECK(out.error().code == weir::errc::bad_configuration);
    return out.error().message;
}
bool says(const std::string& sentence, std::string_view what) { return sentence.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("postgres dsn: a URI goes to libpq as it is, without our own parameters") {
    CHECK(parsed("postgresql://u:p%40@h:5433/d").connection == "postgresql://u:p%40@h:5433/d");
    CHECK(parsed("postgres://h").connection == "postgres://h");
    CHECK(parsed("postgresql://h/d?weir_pool=9").connection == "postgresql://h/d");
    CHECK(parsed("postgresql://h/d?sslmode=require&weir_pool=9&application_name=x").connection ==
          "postgresql://h/d?sslmode=require&application_name=x");
    CHECK(parsed("postgresql://h/d?weir_pool=9&sslmode=require&").connection == "postgresql://h/d?sslmode=require");
    CHECK(parsed("postgresql://u:what?ever@h/d?weir_pool=9").connection == "postgresql://u:what?ever@h/d");
    CHECK(parsed("postgresql:///d?host=/run/postgresql&weir%5Fpool=7").pool == 7);
}

TEST_CASE("postgres dsn: keywords go to libpq as they are, without our own") {
    CHECK(parsed("host=h dbname=d").connection == "host=h dbname=d");
    CHECK(parsed("host=h  weir_pool = 9\tdbname=d").connection == "host=h dbname=d");
    CHECK(parsed("host=h  weir_pool = 9\tdbname=d").pool == 9);
    CHECK(parsed("password='a \\' weir_pool=1 \\\\' weir_schema='docs' host=h").connection ==
          "password='a \\' weir_pool=1 \\\\' host=h");
    CHECK(parsed("password='a \\' weir_pool=1 \\\\' weir_schema='docs' host=h").schema == "docs");
    CHECK(parsed("weir_schema=docs").connection.empty());
}

TEST_CASE("postgres dsn: parameters in their units") {
    const postgres_options plain = parsed("postgresql://h");
    CHECK(plain.schema == "weir");
    CHECK(plain.pool == 4);
    CHECK(plain.synchronous_commit);
    CHECK(plain.migrate);
    CHECK_FALSE(plain.unlogged);
    CHECK_FALSE(plain.injected_time);
    CHECK(plain.entry_ttl == 10min);
    const auto o = parsed("postgresql://h?weir_schema=docs_2&weir_pool=9&weir_pool_wait_ms=0&weir_connect_timeout_ms=1"
                          "&weir_command_timeout_ms=2&weir_reconnect_first_ms=3&weir_reconnect_max_ms=4"
                          "&weir_entry_ttl_s=5&weir_on_lost_history=ignore&weir_synchronous_commit=off"
                          "&weir_unlogged=on&weir_migrate=false");
    CHECK(o.schema == "docs_2");
    CHECK(o.pool == 9);
    CHECK(o.pool_wait == 0ms);
    CHECK(o.connect_timeout == 1ms);
    CHECK(o.command_timeout == 2ms);
    CHECK(o.reconnect_first == 3ms);
    CHECK(o.reconnect_max == 4ms);
    CHECK(o.entry_ttl == 5s);
    CHECK(o.on_lost_history == lost_history::ignore);
    CHECK_FALSE(o.synchronous_commit);
    CHECK(o.unlogged);
    CHECK_FALSE(o.migrate);
}

TEST_CASE("postgres dsn: a fault says what to write instead") {
    CHECK(says(refused(""), "names no server"));
    CHECK(says(refused("localhost"), "names no server"));
    CHECK(says(refused("mysql://h"), "not of this store"));
    CHECK(says(refused(std::string_view{"host=a\0b", 8}), "zero byte"));
    CHECK(says(refused("postgresql://h?weir_pol=1"), "did you mean weir_pool?"));
    CHECK(says(refused("host=h weir_shema=a"), "did you mean weir_schema?"));
    CHECK(says(refused("host=h usr=a"), "did you mean user?"));
    CHECK(says(refused("postgresql://h?qwertzuiop=1"), "unknown parameter; ours are weir_schema"));
    CHECK(says(refused("postgresql://h?weir_pool"), "weir_pool has no value"));
    CHECK(says(refused("host=h weir_pool"), "weir_pool has no value"));
    CHECK(says(refused("host='h"), "has no end"));
    CHECK(says(refused("postgresql://h?weir_pool=0"), "1 to 1024"));
    CHECK(says(refused("postgresql://h?weir_pool=1025"), "whole number in range"));
    CHECK(says(refused("postgresql://h?weir_pool=-1"), "whole number in range"));
    CHECK(says(refused("postgresql://h?weir_entry_ttl_s=0"), "weir_entry_ttl_s is zero"));
    CHECK(says(refused("postgresql://h?weir_command_timeout_ms=1s"), "whole number in range"));
    CHECK(says(refused("postgresql://h?weir_command_timeout_ms=100000000"), "more than a day"));
    CHECK(says(refused("postgresql://h?weir_unlogged=yes"), "on or off"));
    CHECK(says(refused("postgresql://h?weir_on_lost_history=pray"), "warm_up or ignore"));
    CHECK(says(refused("postgresql://h?weir_reconnect_first_ms=9&weir_reconnect_max_ms=1"), "weir_reconnect_max_ms"));
    for (const char* schema : {"", "Weir", "1a", "a-b", "pg_weir", "a%22b", "a%3B"})
        CHECK(says(refused(std::string{"postgresql://h?weir_schema="} + schema), "a-z, 0-9 and _"));
    CHECK(says(refused("postgresql://h?weir_schema=a%zz"), "hexadecimal"));
    CHECK(says(refused("postgresql://[h"), "libpq cannot read it"));
}

TEST_CASE("postgres dsn: no fault repeats the password") {
    for (const char* tail : {"@h:x:y", "@h?weir_pool=0", "@h?nonsense=hunter2", "@h?weir_schema=A", "@[h", "?hunter2@h",
                             "@h?weir_entry_ttl_s=x", "/%@h", "@h?hunter2"}) {
        const auto out = parse_postgres_dsn(std::string{"postgresql://someone:hunter2"} + tail);
        if (!out.has_value())
            CHECK_FALSE(says(out.error().message, "hunter2"));
    }
    for (const char* text : {"host=h password=hunter2 weir_pool=0", "host=h password= hunter2 hunter2",
                             "host=h password='hunter2", "host=h password=x hunter2=1", "hunter2"}) {
        const auto out = parse_postgres_dsn(text);
        if (!out.has_value())
            CHECK_FALSE(says(out.error().message, "hunter2"));
    }
    CHECK_FALSE(says(weir::postgres::detail::server_of("postgresql://someone:hunter2@h:1/d"), "hunter2"));
    CHECK(weir::postgres::detail::server_of("postgresql://someone:hunter2@h:1/d") == "h:1, database d");
    CHECK(weir::postgres::detail::server_of("host=/run/postgresql") == "/run/postgresql");
}

TEST_CASE("postgres dsn: any bytes are read or refused, nothing else") {
    weir_test::dice dice{weir_test::seed_for("postgres dsn")};
    const std::string letters = "hostpasweir_l+:/@?&=%[].0123456789 '\\\"\n\xff";
    int good = 0;
    for (int i = 0; i < 5'000; ++i) {
        std::string dsn = dice.chance(50) ? "postgresql://" : dice.chance(80) ? "host=" : "";
        for (auto n = dice.from(0, 30); n > 0; --n)
            dsn += letters[static_cast<std::size_t>(dice.from(0, static_cast<std::int64_t>(letters.size()) - 1))];
        const auto out = parse_postgres_dsn(dsn);
        if (!out.has_value())
            continue;
        ++good;
        CHECK(weir::postgres::fault_of(out.value()).empty());
    }
    CHECK(good > 0);
}
