// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/conninfo.hpp"

#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::postgres {

/// The address of the server, and the options of the store. `parse_postgres_dsn` makes them from text.
struct postgres_options {
    /// The text for libpq: a URI or keywords. It is a secret and never part of a message.
    std::string connection{};
    /// The schema of tables and functions, a lower-case identifier. One database may have several.
    std::string schema = "weir";
    std::size_t pool = 4;  ///< maximum of connections, opened on use; at least 1
    /// The longest time that a verb waits for a connection when all are in use; 0 = not at all. A verb that gets none
    /// fails with `store_busy`, which does not mean that the store has failed.
    duration pool_wait = std::chrono::milliseconds{1000};
    /// The longest time for connecting, including sign-in and preparation.
    duration connect_timeout = std::chrono::seconds{1};
    /// The longest time that the server works on a verb (its statement_timeout). A reply is awaited for a quarter
    /// longer.
    duration command_timeout = std::chrono::seconds{1};
    /// After a failed connection, the next attempt is made after this time. It doubles each time, up to
    /// `reconnect_max`, and a random part of up to a half is taken off. Until then verbs fail at once.
    duration reconnect_first = std::chrono::milliseconds{10};
    duration reconnect_max = std::chrono::milliseconds{500};
    /// A permit that exists longer than this counts as answered then: its holder probably died.
    duration entry_ttl = std::chrono::minutes{10};
    /// How long after its last sign of life a process counts as alive, if it is on another machine. It gives one every
    /// third of this time.
    duration holder_ttl = std::chrono::seconds{10};
    /// The name of this machine for `holders()`; empty = the system's. Processes with different names do not look each
    /// other up in the kernel.
    std::string holder_host{};
    lost_history on_lost_history = lost_history::warm_up;
    /// Whether an admission is on disk before it is granted. If false, no verb waits for the disk. The store stays
    /// exact, but a crash of the server loses up to 600 ms of history; see `on_lost_history`.
    bool synchronous_commit = true;
    /// Whether the tables are UNLOGGED: no write-ahead log, and a crash loses everything. It must be the same as when
    /// the schema was made.
    bool unlogged = false;
    /// Whether the schema may be made and updated. If false, the user needs only the right to use it.
    bool migrate = true;
    /// The instants passed to verbs are the time, and no clock is read: for tests and replays.
    bool injected_time = false;

    friend bool operator==(const postgres_options&, const postgres_options&) = default;
};

/// The fault of the options, as a sentence; empty if they can be used.
[[nodiscard]] inline std::string fault_of(const postgres_options& o) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || weir::detail::is_digit(c); };
    if (o.schema.empty() || o.schema.size() > 63 || !std::ranges::all_of(o.schema, plain) ||
        weir::detail::is_digit(o.schema[0]) || o.schema.starts_with("pg_"))
        return fmt::format("weir_schema={}: it must be 1 to 63 of a-z, 0-9 and _, and begin with no digit and not "
                           "with pg_",
                           weir::detail::in_quotes(o.schema));
    if (o.pool < 1 || o.pool > 1024)
        return fmt::format("weir_pool is {}; it must be 1 to 1024", o.pool);
    for (const auto& [name, span] :
         {std::pair{"weir_connect_timeout_ms", o.connect_timeout},
          std::pair{"weir_command_timeout_ms", o.command_timeout},
          std::pair{"weir_reconnect_first_ms", o.reconnect_first}, std::pair{"weir_entry_ttl_s", o.entry_ttl},
          std::pair{"weir_holder_ttl_ms", o.holder_ttl}})
        if (span < std::chrono::milliseconds{1})
            return fmt::format("{} is zero or negative; it must be 1 or more", name);
    if (o.command_timeout > std::chrono::hours{24} || o.connect_timeout > std::chrono::hours{24})
        return "weir_command_timeout_ms or weir_connect_timeout_ms is more than a day";
    if (o.pool_wait < duration::zero())
        return "weir_pool_wait_ms is negative; 0 does not wait";
    if (o.reconnect_max < o.reconnect_first)
        return "weir_reconnect_max_ms is less than weir_reconnect_first_ms";
    return detail::fault_of_conninfo(o.connection);
}

namespace detail {

/// Sets one of our parameters. Returns its fault, or nothing.
[[nodiscard]] inline std::string set_parameter(postgres_options& o, std::string_view name, std::string_view value) {
    const auto wrong = [&](std::string_view needed) {
        return fmt::format("{}={}: {}", name, weir::detail::in_quotes(value), needed);
    };
    std::int64_t n = 0;
    const auto whole = [&](std::int64_t max) { return weir::detail::whole_number(value, n) && n >= 0 && n <= max; };

    if (name == "weir_schema" || name == "weir_holder_host") {
        (name == "weir_schema" ? o.schema : o.holder_host) = value;
        return {};
    }
    for (const auto& [flag, to] : {std::pair{"weir_synchronous_commit", &o.synchronous_commit},
                                   std::pair{"weir_unlogged", &o.unlogged}, std::pair{"weir_migrate", &o.migrate}}) {
        if (name != flag)
            continue;
        if (value != "on" && value != "off" && value != "true" && value != "false")
            return wrong("write on or off");
        *to = value == "on" || value == "true";
        return {};
    }
    if (name == "weir_on_lost_history") {
        if (value != "warm_up" && value != "ignore")
            return wrong("write warm_up or ignore");
        o.on_lost_history = value == "ignore" ? lost_history::ignore : lost_history::warm_up;
        return {};
    }
    if (name == "weir_pool") {
        if (!whole(1024))
            return wrong("it is no whole number in range");
        o.pool = static_cast<std::size_t>(n);
        return {};
    }
    for (const auto& [span, to] :
         {std::pair{"weir_pool_wait_ms", &o.pool_wait}, std::pair{"weir_connect_timeout_ms", &o.connect_timeout},
          std::pair{"weir_command_timeout_ms", &o.command_timeout},
          std::pair{"weir_reconnect_first_ms", &o.reconnect_first},
          std::pair{"weir_reconnect_max_ms", &o.reconnect_max}, std::pair{"weir_entry_ttl_s", &o.entry_ttl},
          std::pair{"weir_holder_ttl_ms", &o.holder_ttl}}) {
        if (name != span)
            continue;
        if (!whole(1'000'000'000))
            return wrong("it is no whole number in range");
        *to = n * (name.ends_with("_s") ? duration{std::chrono::seconds{1}} : std::chrono::milliseconds{1});
        return {};
    }
    return fault_of_name(name);
}

}  // namespace detail

/// Reads `postgresql://...`, `postgres://...` or libpq's `name = 'value'` list. Our own parameters may be among
/// libpq's. They are removed before libpq gets the text:
///
/// `weir_schema`, `weir_pool`, `weir_pool_wait_ms`, `weir_connect_timeout_ms`, `weir_command_timeout_ms`,
/// `weir_reconnect_first_ms`, `weir_reconnect_max_ms`, `weir_entry_ttl_s`, `weir_holder_ttl_ms`,
/// `weir_holder_host`, `weir_on_lost_history` (`warm_up`, `ignore`), `weir_synchronous_commit`, `weir_unlogged`,
/// `weir_migrate` (`on`, `off`).
///
/// **Errors.** `errc::bad_configuration`: an unknown parameter, with the closest name; an invalid value of ours; a text
/// that libpq cannot read. No message repeats the text.
[[nodiscard]] inline result<postgres_options> parse_postgres_dsn(std::string_view dsn) {
    const auto bad = [](std::string_view what) {
        return error{errc::bad_configuration, fmt::format("postgres: {}", what)};
    };
    postgres_options out;
    if (dsn.find('\0') != std::string_view::npos)
        return bad("it has a zero byte; take it out");
    const bool is_uri = dsn.starts_with("postgresql://") || dsn.starts_with("postgres://");
    if (!is_uri && dsn.find("://") < dsn.find('='))
        return bad("its scheme is not of this store; write postgresql://user@host/database or host=... dbname=...");
    if (!is_uri && dsn.find('=') == std::string_view::npos)
        return bad("it names no server; write postgresql://user@host/database or host=... dbname=...");
    const auto set = [&out](std::string_view name, std::string_view value) {
        return detail::set_parameter(out, name, value);
    };
    std::string fault =
        is_uri ? detail::split_uri(dsn, out.connection, set) : detail::split_keywords(dsn, out.connection, set);
    if (fault.empty())
        fault = fault_of(out);
    if (!fault.empty())
        return bad(fault);
    return out;
}

}  // namespace weir::postgres
