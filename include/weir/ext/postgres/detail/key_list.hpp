// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/connection.hpp"
#include "weir/ext/postgres/detail/wire.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/window_record.hpp"
#include "weir/storage/stored_key.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::postgres::detail {

/// All keys of the schema. It uses a connection of its own, because those of the pool are in pipeline mode.
[[nodiscard]] inline std::vector<stored_key> list_keys(const postgres_options& options, const std::string& server) {
    static constexpr std::string_view what = "list keys";
    const auto until = [&](duration d) { return std::chrono::steady_clock::now() + d; };
    connection link{server};
    link.connect(options.connection, until(options.connect_timeout));
    const std::string text =
        fmt::format("SELECT k.host, k.role, k.rules, ARRAY(SELECT (extract(epoch FROM max(f.oldest_open)) * "
                    "1e9)::bigint FROM \"{0}\".fill f WHERE f.key = k.id HAVING max(f.oldest_open) IS NOT NULL) "
                    "FROM \"{0}\".key k ORDER BY k.id",
                    options.schema);
    const query_result r = link.ask(text, until(options.command_timeout * 10), what);
    if (PQresultStatus(r.get()) != PGRES_TUPLES_OK)
        link.refused(r.get(), what);
    const auto bytes = [&](int row, int column) {
        return std::string_view{PQgetvalue(r.get(), row, column),
                                static_cast<std::size_t>(PQgetlength(r.get(), row, column))};
    };
    std::vector<stored_key> out(static_cast<std::size_t>(PQntuples(r.get())));
    for (int row = 0; row < PQntuples(r.get()); ++row) {
        stored_key& key = out[static_cast<std::size_t>(row)];
        key.host = bytes(row, 0);
        key.role = bytes(row, 1);
        if (const auto rules = parse_numbers(bytes(row, 2)); rules && !rules->empty())
            remote::read_windows(*rules, key);
        if (const auto oldest = parse_numbers(bytes(row, 3)); oldest && !oldest->empty())
            key.oldest_open = duration{oldest->front()};
    }
    return out;
}

}  // namespace weir::postgres::detail
