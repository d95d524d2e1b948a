// SPDX-License-Identifier: MIT
#include "migrate.hpp"

#include "rate_flags.hpp"
#include "stores.hpp"

#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"
#include "weir/registry/open_store.hpp"
#include "weir/storage/store_error.hpp"
#if WEIR_HAS_SQLITE
#include "weir/ext/sqlite/detail/upgrade.hpp"
#endif
#if WEIR_HAS_POSTGRES
#include "weir/ext/postgres/detail/upgrade.hpp"
#endif

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace weir::tools {
namespace {

constexpr std::string_view migrate_usage =
    "usage: weir migrate [--print] [--to VERSION] --rate-backend KIND --rate-dsn DSN\n\n"
    "Updates the format of an SQLite file or a Postgres schema to the newest version.\n"
    "Programs may use it meanwhile; they go on.\n\n"
    "  --print       only print the SQL, and change nothing\n"
    "  --to VERSION  the newest version or the one before: programs of that version\n"
    "                can use the store again. Stop the newer programs first\n\n"
    "Exit code: 0, or 2 if it cannot be done.\n\n";

int refuse_migration(std::string_view what) {
    fmt::print(stderr, "weir migrate: {}\n", what);
    return 2;
}

/// Prints the text of a change, or carries it out.
template <class Upgrader>
int change_format(Upgrader&& store, std::int64_t to, bool prints) {
    const auto step = store.plan(to);
    if (prints) {
        fmt::print("{}", step.sql.empty() ? fmt::format("-- It is of version {}: there is nothing to do.\n", step.from)
                                          : step.sql);
        return 0;
    }
    store.carry_out(step);
    if (step.sql.empty())
        fmt::print("it is of version {}: there is nothing to do\n", step.from);
    else
        fmt::print("it was of version {}, and is of version {} now\n", step.from, step.to);
    return 0;
}

int migrate_store(const backend_options& wanted, std::optional<std::int64_t> to, bool prints) {
#if WEIR_HAS_SQLITE
    if (wanted.kind == "sqlite")
        return change_format(sqlite::detail::upgrader{sqlite::parse_sqlite_dsn(wanted.dsn).value()},
                             to.value_or(static_cast<std::int64_t>(sqlite::detail::migrations.size())), prints);
#endif
#if WEIR_HAS_POSTGRES
    if (wanted.kind == "postgres")
        return change_format(postgres::detail::upgrader{postgres::parse_postgres_dsn(wanted.dsn).value()},
                             to.value_or(postgres::detail::schema_version), prints);
#endif
    if (wanted.kind == "redis")
        return refuse_migration(
            "Redis has no schema: each value has the version of its format, and is written anew with "
            "its key's next use (docs/stores/operating.md)");
    return refuse_migration("the memory store has no format; name a store with --rate-backend and --rate-dsn");
}

}  // namespace

int migrate(std::span<const char* const> args) {
    const rate_flags flags{args};
    bool prints = false;
    std::optional<std::int64_t> to;
    const std::vector<std::string>& words = flags.rest();
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        std::int64_t version = 0;
        if (word == "--help" || word == "-h") {
            fmt::print("{}{}", migrate_usage, rate_flags::help());
            return 0;
        }
        if (word == "--print") {
            prints = true;
        } else if (word == "--to" && i + 1 < words.size() && detail::whole_number(words[i + 1], version)) {
            to = version;
            ++i;
        } else if (word == "--to") {
            return refuse_migration("--to needs a version, a whole number");
        } else {
            fmt::print(stderr, "weir migrate: unknown argument {}\n{}", detail::in_quotes(word), migrate_usage);
            return 2;
        }
    }
    const auto made = flags.resolved();
    if (!made) {
        fmt::print(stderr, "{}", made.fault_text());
        return 2;
    }
    // Says what is wrong with the kind or the text.
    if (const auto store = open_store(made->backend(), built_in()); !store)
        return refuse_migration(store.error().message);
    try {
        return migrate_store(made->backend(), to, prints);
    } catch (const store_error& e) {
        return refuse_migration(e.what());
    }
}

}  // namespace weir::tools
