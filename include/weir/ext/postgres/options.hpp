// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"
#include "weir/core/nearest.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// What a store does once its server may have forgotten admissions.
enum class lost_history : std::uint8_t {
    warm_up,  ///< denies a key until its shortest window has passed since
    ignore,   ///< goes on, and may be over a limit by what was forgotten
};

/// How a Postgres store reaches its server and what it asks of it.
struct postgres_options {
    /// What libpq is given: a URI or keywords. A secret: it is never part of a message.
    std::string connection{};
    /// The schema of tables and functions, a lower-case identifier; several stand side by side in one database.
    std::string schema = "weir";
    /// The most connections of this process, at least 1. They are opened as they are needed.
    std::size_t pool = 4;
    /// Whether an admission is on disk before it is granted. Off answers several times faster on a slow disk and stays
    /// exact as long as the server does not crash; a crash forgets up to 600 ms, see `on_lost_history`.
    bool synchronous_commit = true;
    /// Whether the tables are made UNLOGGED: hardly faster than `synchronous_commit` off, and all is forgotten in a
    /// crash. Must be what the schema was made with.
    bool unlogged = false;
    /// Whether the schema may be created and brought up to date. Off needs no right but to use it.
    bool migrate = true;
    /// The longest one round trip may take, in ns; also the server's statement_timeout.
    duration timeout = std::chrono::seconds{1};
    /// The longest connecting may take, in ns.
    duration connect_timeout = std::chrono::seconds{1};
    /// The longest to wait for a connection while all are busy, in ns; 0 = not at all.
    duration pool_wait = std::chrono::milliseconds{50};
    /// When an entry whose holder says nothing is taken to be answered, in ns since its admission.
    duration entry_ttl = std::chrono::minutes{10};
    lost_history on_lost_history = lost_history::warm_up;
    /// Takes the instants that verbs are given as the server's time, and reads no clock: for tests and replays.
    bool injected_time = false;

    friend bool operator==(const postgres_options&, const postgres_options&) = default;
};

namespace detail {

inline constexpr std::array<std::string_view, 10> pg_parameters{
    "weir_schema",    "weir_pool",           "weir_synchronous_commit", "weir_unlogged",
    "weir_migrate",   "weir_timeout",        "weir_connect_timeout",    "weir_pool_wait",
    "weir_entry_ttl", "weir_on_lost_history"};

[[nodiscard]] inline error bad_pg_dsn(std::string message) {
    return {errc::bad_configuration, "backend.dsn: " + std::move(message)};
}

/// Sets one of our parameters; an empty text is success.
[[nodiscard]] inline std::string set_pg_parameter(postgres_options& out, std::string_view name,
                                                  std::string_view value) {
    const auto number = [&](std::int64_t least, std::int64_t most, std::int64_t& to) -> std::string {
        const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), to);
        if (failed != std::errc{} || end != value.data() + value.size() || to < least || to > most)
            return fmt::format("{}={}: must be a whole number from {} to {}", name, value, least, most);
        return {};
    };
    const auto milliseconds = [&](std::int64_t least, duration& to) {
        std::int64_t n = 0;
        std::string fault = number(least, 86'400'000, n);
        if (fault.empty())
            to = std::chrono::milliseconds{n};
        return fault;
    };
    const auto boolean = [&](bool& to) -> std::string {
        if (value != "on" && value != "off" && value != "true" && value != "false")
            return fmt::format("{}={}: must be on or off", name, value);
        to = value == "on" || value == "true";
        return {};
    };
    if (name == "weir_schema") {
        const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9'); };
        if (value.empty() || value.size() > 63 || !std::ranges::all_of(value, plain) ||
            (value[0] >= '0' && value[0] <= '9') || value.starts_with("pg_"))
            return fmt::format("{}={}: must be 1 to 63 of a-z, 0-9 and _, begin with no digit and not with pg_", name,
                               value);
        out.schema = value;
        return {};
    }
    if (name == "weir_pool") {
        std::int64_t n = 0;
        std::string fault = number(1, 1000, n);
        if (fault.empty())
            out.pool = static_cast<std::size_t>(n);
        return fault;
    }
    if (name == "weir_synchronous_commit")
        return boolean(out.synchronous_commit);
    if (name == "weir_unlogged")
        return boolean(out.unlogged);
    if (name == "weir_migrate")
        return boolean(out.migrate);
    if (name == "weir_timeout")
        return milliseconds(1, out.timeout);
    if (name == "weir_connect_timeout")
        return milliseconds(1, out.connect_timeout);
    if (name == "weir_pool_wait")
        return milliseconds(0, out.pool_wait);
    if (name == "weir_entry_ttl")
        return milliseconds(1, out.entry_ttl);
    if (name == "weir_on_lost_history") {
        if (value != "warm_up" && value != "ignore")
            return fmt::format("{}={}: must be warm_up or ignore", name, value);
        out.on_lost_history = value == "ignore" ? lost_history::ignore : lost_history::warm_up;
        return {};
    }
    return "?";
}

/// The names libpq knows.
[[nodiscard]] inline std::vector<std::string> libpq_parameters() {
    std::vector<std::string> names;
    if (PQconninfoOption* const all = PQconndefaults(); all != nullptr) {
        for (const PQconninfoOption* o = all; o->keyword != nullptr; ++o)
            names.emplace_back(o->keyword);
        PQconninfoFree(all);
    }
    return names;
}

/// Whether `name` is a parameter at all; else what it was most likely meant to be.
[[nodiscard]] inline std::string fault_of_pg_name(std::string_view name) {
    std::vector<std::string> names = libpq_parameters();
    names.emplace_back("ssl");  // in a URI, for JDBC's sake
    if (std::ranges::find(names, name) != names.end())
        return {};
    names.insert(names.end(), pg_parameters.begin(), pg_parameters.end());
    if (std::ranges::find(names, name) != names.end())
        return {};
    // A name that is far from all of them may be a piece of a password: it is not repeated.
    const std::string close = nearest(name, names);
    if (close.empty())
        return "an unknown parameter; ours are " + fmt::format("{}", fmt::join(pg_parameters, ", ")) +
               ", all others are libpq's (a value with & or a blank in it must be encoded or quoted)";
    return fmt::format("unknown parameter {}; did you mean {}?", name, close);
}

[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

/// Takes our parameters out of a URI's query.
[[nodiscard]] inline std::string split_pg_uri(std::string_view text, postgres_options& out) {
    const std::size_t query = text.find('?');
    out.connection = text.substr(0, query);
    char joint = '?';
    for (std::size_t at = query; at != std::string_view::npos;) {
        const std::size_t end = text.find('&', at + 1);
        const std::string_view pair = text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
        at = end;
        if (pair.empty())
            continue;
        const std::size_t equals = pair.find('=');
        const std::string name = percent_decoded(pair.substr(0, equals));
        if (std::string fault = fault_of_pg_name(name); !fault.empty())
            return fault;
        if (equals == std::string_view::npos)
            return fmt::format("{}: has no value; write {}=...", name, name);
        if (!name.starts_with("weir_")) {
            out.connection += joint;
            out.connection += pair;
            joint = '&';
        } else if (std::string fault = set_pg_parameter(out, name, percent_decoded(pair.substr(equals + 1)));
                   !fault.empty()) {
            return fault;
        }
    }
    return {};
}

/// Takes our parameters out of libpq's `name = 'value'` list.
[[nodiscard]] inline std::string split_pg_keywords(std::string_view text, postgres_options& out) {
    std::size_t at = 0;
    const auto is_space = [](char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
    };
    const auto blanks = [&] {
        while (at < text.size() && is_space(text[at]))
            ++at;
    };
    for (blanks(); at < text.size(); blanks()) {
        const std::size_t begin = at;
        while (at < text.size() && text[at] != '=' && !is_space(text[at]))
            ++at;
        const std::string name{text.substr(begin, at - begin)};
        blanks();
        if (at == text.size() || text[at] != '=') {
            const std::string fault = fault_of_pg_name(name);
            return fault.empty() ? fmt::format("{}: has no value; write {}=...", name, name) : fault;
        }
        ++at;
        blanks();
        const bool quoted = at < text.size() && text[at] == '\'';
        at += quoted;
        std::string value;
        bool closed = !quoted;
        for (; at < text.size(); ++at) {
            if (text[at] == '\\' && at + 1 < text.size()) {
                value += text[++at];
            } else if (quoted ? text[at] == '\'' : is_space(text[at])) {
                closed = true;
                at += quoted;
                break;
            } else {
                value += text[at];
            }
        }
        if (std::string fault = fault_of_pg_name(name); !fault.empty())
            return fault;
        if (!closed)
            return fmt::format("{}: its quoted value has no end", name);
        if (!name.starts_with("weir_")) {
            out.connection += out.connection.empty() ? "" : " ";
            out.connection.append(text.substr(begin, at - begin));
        } else if (std::string fault = set_pg_parameter(out, name, value); !fault.empty()) {
            return fault;
        }
    }
    return {};
}

}  // namespace detail

/// Reads `postgresql://...` or a libpq keyword string. Our own parameters begin with `weir_` and are taken out before
/// libpq sees the text: `weir_schema`, `weir_pool`, `weir_synchronous_commit`, `weir_unlogged`, `weir_migrate`,
/// `weir_on_lost_history`, and in milliseconds `weir_timeout`, `weir_connect_timeout`, `weir_pool_wait`,
/// `weir_entry_ttl`.
///
/// **Errors.** `bad_configuration` for an unknown parameter, naming the nearest, for a value of ours that is none, and
/// for a text libpq does not read. No message repeats the text.
[[nodiscard]] inline result<postgres_options> parse_postgres_dsn(std::string_view text) {
    postgres_options out;
    if (text.find('\0') != std::string_view::npos)
        return detail::bad_pg_dsn("a NUL byte ends it early; take it out");
    const bool is_uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
    if (!is_uri && text.find("://") < text.find_first_of("= "))
        return detail::bad_pg_dsn("not for Postgres; write postgresql://user@host/database or host=... dbname=...");
    if (std::string fault = is_uri ? detail::split_pg_uri(text, out) : detail::split_pg_keywords(text, out);
        !fault.empty())
        return detail::bad_pg_dsn(std::move(fault));
    char* why = nullptr;
    PQconninfoOption* const parsed = PQconninfoParse(out.connection.c_str(), &why);
    PQfreemem(why);  // it may quote the text
    if (parsed == nullptr)
        return detail::bad_pg_dsn(
            "libpq cannot read it; write postgresql://user:password@host:5432/database, with every character of a part "
            "that is not a letter, digit, - . _ or ~ as %XX, or host=... user=... dbname=...");
    PQconninfoFree(parsed);
    return out;
}

}  // namespace weir
