// SPDX-License-Identifier: MIT
#include "weir/registry/open_store.hpp"

#include "support/catch.hpp"

#include "weir/config/cli/environment.hpp"
#include "weir/config/resolve.hpp"
#include "weir/registry/registry.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

/// Stands for a component: takes any text but one.
constexpr weir::backend redis{"redis", [](std::string_view dsn, weir::store_time) -> weir::result<weir::any_store> {
                                  if (dsn == "redis://bad")
                                      return weir::error{weir::errc::bad_configuration, "redis: the host is bad"};
                                  return weir::any_store{weir::shared_memory_store<>{}};
                              }};

std::string trouble(std::string kind, std::string dsn) {
    const auto opened = weir::open_store({std::move(kind), std::move(dsn)}, {redis});
    if (opened)
        return "opened";
    CHECK(opened.error().code == weir::errc::bad_configuration);
    return opened.error().message;
}

}  // namespace

TEST_CASE("open_store: memory needs no component, and what is built in is opened with its text") {
    CHECK(trouble("memory", "") == "opened");
    CHECK(trouble("redis", "redis://h") == "opened");
    weir::registry limits{weir::open_store({}, {}).value(), weir::configuration{}};
    CHECK(limits.try_acquire("h.org", "metadata").decision().granted());
}

TEST_CASE("open_store: every fault says which leaf it is, and what to do") {
    CHECK(
        trouble("sqlite", "sqlite:///x") ==
        "backend.kind: this program was built without the sqlite store; add weir::sqlite (Debian: libsqlite3-dev) and "
        "build again");
    CHECK(trouble("postgres", "") ==
          "backend.kind: this program was built without the postgres store; add weir::postgres (Debian: libpq-dev) and "
          "build again");
    CHECK(trouble("reddis", "") ==
          R"(backend.kind: "reddis" is none of memory, sqlite, redis, postgres; did you mean "redis"?)");
    CHECK(trouble("bananas", "") == R"(backend.kind: "bananas" is none of memory, sqlite, redis, postgres)");
    CHECK(trouble("redis", "") ==
          "backend.dsn: the redis store needs a connection text; write redis://127.0.0.1:6379/0");
    CHECK(trouble("redis", "redis://bad") == "backend.dsn: the host is bad");
    CHECK(trouble("redis", "sqlite:///x") ==
          "backend.dsn: it is a connection text of the sqlite store, and backend.kind is redis; set backend.kind to "
          "sqlite, or write a text of the redis store: redis://127.0.0.1:6379/0");
    CHECK(trouble("memory", "redis://u:secret@h") ==
          "backend.dsn: it is a connection text of the redis store, and backend.kind is memory; set backend.kind to "
          "redis, or write a text of the memory store: none");
    CHECK(trouble("memory", "host=h password=secret") ==
          "backend.dsn: the memory store has no connection text; leave it out, or set backend.kind to the store it is "
          "for");
}

TEST_CASE("open_store: the program's own store is listed like the others") {
    constexpr weir::backend own{"own", redis.open};
    CHECK(weir::open_store({"own", "anything"}, {own}).has_value());
    const auto empty = weir::open_store({"own", ""}, {own});
    CHECK(empty.error().message == "backend.dsn: the own store needs a connection text");
    const auto near = weir::open_store({"owm", "x"}, {own});
    CHECK(near.error().message ==
          R"(backend.kind: "owm" is none of memory, sqlite, redis, postgres, own; did you mean "own"?)");
}

TEST_CASE("open_store: the memory store that it opens is shared by its copies, and takes injected time") {
    auto store = weir::open_store({}, {}, weir::store_time::injected).value();
    CHECK(store.after(weir::instant{7s}) == weir::instant{7s});
    auto copy = store;
    auto a = store.make_slot("h", "r");
    auto b = copy.make_slot("h", "r");
    weir::policy p;
    p.rates = {{1, 1s}};
    const auto plan = weir::plan_windows(p);
    CHECK(store.count(a, plan, 1, weir::instant{7s}).admits());
    CHECK_FALSE(copy.count(b, plan, 1, weir::instant{7s}).admits());
}

TEST_CASE("with_store: a store that cannot be opened is a fault where it was written") {
    const auto made = [](std::vector<const char*> variables) {
        variables.push_back(nullptr);
        const auto read = weir::read_environment("APP", variables.data());
        const std::vector<weir::layer> layers{read.values};
        const std::vector<weir::backend> built_in{redis};
        return weir::with_store(weir::resolve(layers), built_in);
    };
    CHECK(made({}));
    CHECK(made({"APP_BACKEND=redis", "APP_DSN=redis://h"}));
    CHECK(made({"APP_BACKEND=sqlite", "APP_DSN=sqlite:x"}).fault_text() ==
          "$APP_BACKEND: backend.kind: this program was built without the sqlite store; add weir::sqlite (Debian: "
          "libsqlite3-dev) and build again\n");
    CHECK(made({"APP_BACKEND=redis"}).fault_text() ==
          "$APP_BACKEND: backend.dsn: the redis store needs a connection text; write redis://127.0.0.1:6379/0\n");
    CHECK(made({"APP_DSN=redis://h"}).fault_text() ==
          "$APP_DSN: backend.dsn: it is a connection text of the redis store, and backend.kind is memory; set "
          "backend.kind to redis, or write a text of the memory store: none\n");
    CHECK(made({"APP_BACKEND=bananas"}).faults().size() == 1);
}
