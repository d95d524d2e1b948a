// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/options.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using weir::sqlite::parse_sqlite_dsn;
using weir::sqlite::sqlite_options;

namespace {

std::string fault(std::string_view dsn) {
    const auto parsed = parse_sqlite_dsn(dsn);
    return parsed ? std::string{} : std::string{parsed.error().message};
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("sqlite dsn: a path, absolute or relative, with anything in it") {
    CHECK(parse_sqlite_dsn("sqlite:///var/lib/app/limits.db").value().path == "/var/lib/app/limits.db");
    CHECK(parse_sqlite_dsn("SQLite:/var/lib/limits.db").value().path == "/var/lib/limits.db");
    CHECK(parse_sqlite_dsn("sqlite:limits.db").value().path == "limits.db");
    CHECK(parse_sqlite_dsn("sqlite:///a%20b%3Fc%25%C3%BC").value().path == "/a b?c%\xC3\xBC");
    sqlite_options plain;
    plain.path = "/x";
    CHECK(parse_sqlite_dsn("sqlite:///x").value() == plain);
}

TEST_CASE("sqlite dsn: parameters are read, each in its unit") {
    const auto o = parse_sqlite_dsn("sqlite:///x?busy_timeout_ms=250&synchronous=full&entry_ttl_s=30&on_lost_history="
                                    "ignore")
                       .value();
    CHECK(o.busy_timeout == 250ms);
    CHECK(o.synchronous == weir::sqlite::durability::full);
    CHECK(o.entry_ttl == 30s);
    CHECK(o.on_lost_history == weir::lost_history::ignore);
    CHECK(parse_sqlite_dsn("sqlite:///x?busy_timeout_ms=0").value().busy_timeout == 0ms);
    CHECK(parse_sqlite_dsn("sqlite:///x").value().migrate);
    CHECK_FALSE(parse_sqlite_dsn("sqlite:///x?migrate=off").value().migrate);
}

TEST_CASE("sqlite dsn: a fault has the closest correct spelling") {
    CHECK(has(fault("redis://x"), "sqlite:///path/to/file"));
    CHECK(has(fault(""), "sqlite:///path/to/file"));
    CHECK(has(fault("sqlite://host/x"), "a host stands before the path"));
    CHECK(has(fault("sqlite:"), "name a file"));
    CHECK(has(fault("sqlite:///x%zz"), "%25"));
    CHECK(has(fault("sqlite:///x%2"), "%25"));
    CHECK(has(fault("sqlite:///x%00"), "zero byte"));
    CHECK(has(fault("sqlite:///x#y"), "%23"));
    CHECK(has(fault("sqlite::memory:"), "memory backend"));
    CHECK(has(fault("sqlite:///x?busy_timeout=5"), "did you mean busy_timeout_ms?"));
    CHECK(has(fault("sqlite:///x?synchronous=ful"), "did you mean full?"));
    CHECK(has(fault("sqlite:///x?on_lost_history=warmup"), "did you mean warm_up?"));
    CHECK(has(fault("sqlite:///x?migrate=no"), "none of on, off"));
    CHECK(has(fault("sqlite:///x?entry_ttl_s=0"), "from 1 to"));
    CHECK(has(fault("sqlite:///x?entry_ttl_s=1e3"), "no whole number"));
    CHECK(has(fault("sqlite:///x?busy_timeout_ms=-1"), "no whole number"));
    CHECK(has(fault("sqlite:///x?synchronous"), "name=value"));
}

TEST_CASE("sqlite options: options that contradict each other have a fault") {
    sqlite_options o;
    CHECK(has(fault_of(o), "path"));
    o.path = "x";
    CHECK(fault_of(o).empty());
    o.busy_timeout = -1ns;
    CHECK(has(fault_of(o), "busy_timeout_ms"));
    o.busy_timeout = 0ns;
    o.entry_ttl = 0ns;
    CHECK(has(fault_of(o), "entry_ttl_s"));
}
