// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/connection.hpp"
#include "weir/ext/postgres/detail/conninfo.hpp"
#include "weir/ext/postgres/detail/schema.hpp"
#include "weir/ext/postgres/options.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace weir::postgres::detail {

/// A change of a schema from one version to another, as text that an administrator can read and run.
struct upgrade {
    std::int64_t from = 0;  ///< 0 = there is no schema
    std::int64_t to = 0;
    std::string sql{};  ///< one transaction; empty if there is nothing to do
};

/// Reads and changes the version of a schema, on a connection of its own.
///
/// **Errors.** `store_error`.
class upgrader {
public:
    explicit upgrader(const postgres_options& options)
        : options_(options), link_(server_of(options.connection)),
          what_(fmt::format("change schema {}", options.schema)) {
        link_.connect(options_.connection, after(options_.connect_timeout));
    }

    /// What leads from the present version to `to`. That is the newest version or the one before; a schema that is
    /// further away from the one before must first be updated.
    [[nodiscard]] upgrade plan(std::int64_t to) {
        upgrade out{.from = version(), .to = to};
        if (out.from > schema_version)
            throw failed(what_, link_.server(),
                         fmt::format("it is of version {}, and this program knows up to {}", out.from, schema_version),
                         "use the newer program");
        if (to == schema_version && out.from < to)
            out.sql = forward(out.from);
        else if (to == schema_version - 1 && out.from == schema_version)
            out.sql = transaction(filled(sql::back_to_3));
        else if (to != out.from)
            throw failed(what_, link_.server(), fmt::format("it is of version {}", out.from),
                         fmt::format("this program leads to version {}, and from there back to {}", schema_version,
                                     schema_version - 1));
        return out;
    }
    void carry_out(const upgrade& u) {
        if (!u.sql.empty())
            link_.must(u.sql, after(std::chrono::seconds{60}), what_);
    }

private:
    [[nodiscard]] static connection::deadline after(duration d) { return std::chrono::steady_clock::now() + d; }
    [[nodiscard]] std::string ask(const std::string& text) {
        const query_result r = link_.run(text, after(options_.command_timeout * 5), what_);
        if (PQresultStatus(r.get()) != PGRES_TUPLES_OK || PQntuples(r.get()) != 1)
            link_.refused(r.get(), what_);
        return PQgetvalue(r.get(), 0, 0);
    }
    [[nodiscard]] std::int64_t version() {
        if (ask(fmt::format("SELECT to_regclass('\"{}\".meta') IS NOT NULL", options_.schema)) == "f")
            return 0;
        return std::strtoll(ask(fmt::format("SELECT version FROM \"{}\".meta", options_.schema)).c_str(), nullptr, 10);
    }
    [[nodiscard]] std::string filled(std::string_view text) const {
        return filled_text(std::string{text}, options_.schema, options_.unlogged);
    }
    [[nodiscard]] std::string forward(std::int64_t from) const {
        if (from == 0)
            return transaction(fmt::format("CREATE SCHEMA IF NOT EXISTS \"{}\";\n", options_.schema) +
                               migration_text(0, options_.schema, options_.unlogged));
        return transaction(
            fmt::format("DO $$ BEGIN\n  IF (SELECT version FROM \"{}\".meta) <> {} THEN\n    RAISE EXCEPTION 'the "
                        "schema is not of version {} any more';\n  END IF;\nEND $$;\n",
                        options_.schema, from, from) +
            migration_text(from, options_.schema, options_.unlogged));
    }
    /// Programs that make the schema take the same lock.
    [[nodiscard]] std::string transaction(const std::string& text) const {
        return fmt::format("BEGIN;\nSET LOCAL statement_timeout = 30000;\nSELECT pg_advisory_xact_lock({}, -2);\n{}\n"
                           "COMMIT;\n",
                           lock_class(options_.schema), text);
    }

    postgres_options options_;
    connection link_;
    std::string what_;
};

}  // namespace weir::postgres::detail
