// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/backend.hpp"

#include "support/catch.hpp"

#include "weir/registry/open_store.hpp"

#include <string>
#include <string_view>
#include <utility>

TEST_CASE(
    "postgres backend: a good text makes a store without a server, and a bad one is an error without its password") {
    const auto open = [](std::string dsn) {
        return weir::open_store({"postgres", std::move(dsn)}, {weir::postgres::backend});
    };
    for (const std::string_view dsn : {"postgresql://u:p@h:1/d", "host=/run/postgresql dbname=app weir_pool=2"})
        CHECK(open(std::string{dsn}).has_value());
    CHECK(open("localhost").error().message ==
          "backend.dsn: it names no server; write postgresql://user@host/database or host=... dbname=...");
    const auto bad = open("postgresql://u:secret@h/d?weir_pool=none");
    CHECK(bad.error().message == R"(backend.dsn: weir_pool="none": it is no whole number in range)");
}

TEST_CASE("postgres backend: it takes injected time") {
    auto store =
        weir::open_store({"postgres", "postgresql://h"}, {weir::postgres::backend}, weir::store_time::injected).value();
    CHECK(store.now() == weir::instant{});
    CHECK(store.after(weir::instant{std::chrono::seconds{7}}) == weir::instant{std::chrono::seconds{7}});
}
