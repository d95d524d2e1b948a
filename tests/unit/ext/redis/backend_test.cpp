// SPDX-License-Identifier: MIT
#include "weir/ext/redis/backend.hpp"

#include "support/catch.hpp"

#include "weir/registry/open_store.hpp"

#include <string>
#include <string_view>
#include <utility>

TEST_CASE("redis backend: a good text makes a store without a server, and a bad one is an error without its password") {
    const auto open = [](std::string dsn) {
        return weir::open_store({"redis", std::move(dsn)}, {weir::redis::backend});
    };
    for (const std::string_view dsn : {"redis://u:p@h:1/2", "redis+unix:///run/redis.sock?prefix=app"})
        CHECK(open(std::string{dsn}).has_value());
    CHECK(
        open("localhost:6379").error().message ==
        "backend.dsn: it has no scheme; write redis://host:port/db, rediss://host:port/db, redis+cluster://host:port, "
        "redis+sentinel://host:port/service or redis+unix:///path");
    const auto bad = open("redis://u:secret@h:99999");
    CHECK(bad.error().message == "backend.dsn: address 1 has no port from 1 to 65535; write host:6379, and "
                                 "%2F for a / in a password");
    if (!weir::redis::detail::has_tls)
        CHECK(open("rediss://h").error().message.find("needs TLS") != std::string::npos);
}

TEST_CASE("redis backend: it takes injected time") {
    auto store = weir::open_store({"redis", "redis://h"}, {weir::redis::backend}, weir::store_time::injected).value();
    CHECK(store.now() == weir::instant{});
    CHECK(store.after(weir::instant{std::chrono::seconds{7}}) == weir::instant{std::chrono::seconds{7}});
}
