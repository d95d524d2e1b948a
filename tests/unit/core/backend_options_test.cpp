// SPDX-License-Identifier: MIT
#include "weir/core/backend_options.hpp"

#include "support/catch.hpp"

#include <string_view>

TEST_CASE("the scheme of a connection text gives its kind, in any case") {
    const auto kind = [](std::string_view dsn) {
        const weir::known_backend* found = weir::kind_of_dsn(dsn);
        return found == nullptr ? std::string_view{} : found->kind;
    };
    CHECK(kind("sqlite:///var/lib/app/limits.db") == "sqlite");
    CHECK(kind("sqlite:limits.db") == "sqlite");
    CHECK(kind("redis://h") == "redis");
    CHECK(kind("REDISS://h") == "redis");
    CHECK(kind("redis+unix:///s") == "redis");
    CHECK(kind("postgresql://h/db") == "postgres");
    CHECK(kind("postgres://h/db") == "postgres");
    CHECK(kind("").empty());
    CHECK(kind("redis").empty());
    CHECK(kind("host=/run/postgresql dbname=app").empty());
    CHECK(kind("mysql://h").empty());
    for (const weir::known_backend& known : weir::known_backends)
        CHECK((known.example.empty() || kind(known.example) == known.kind));
}

TEST_CASE("a process without a configured store keeps its logs in memory", "[config]") {
    CHECK(weir::backend_options{}.kind == "memory");
    CHECK(weir::backend_options{}.dsn.empty());
    CHECK(weir::detail::backend_words == "memory, sqlite, redis, postgres");
}
