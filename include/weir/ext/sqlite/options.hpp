// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/dsn.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::sqlite {

/// When a commit waits for the disk. If only the process ends, nothing is lost in any mode.
enum class durability : std::uint8_t {
    normal,  ///< sometimes: a crash of the machine (power, kernel) can lose the last admissions
    full,    ///< at every commit: nothing is lost, but each verb waits once for the disk
    off,     ///< never: a crash of the machine can destroy the file
};

/// Where the SQLite store keeps its keys, and how.
struct sqlite_options {
    /// The database file, made if it is missing. Its folder must exist, be writable and local (no network folder).
    std::string path{};
    /// The longest time that one verb waits for other users of the file; 0 = not at all.
    duration busy_timeout = std::chrono::seconds{5};
    durability synchronous = durability::normal;
    /// A permit that exists longer than this counts as answered then: its holder probably died.
    duration entry_ttl = std::chrono::minutes{10};
    /// How long after its last sign of life a process counts as alive, if the kernel cannot say. It gives one every
    /// third of this time.
    duration holder_ttl = std::chrono::seconds{10};
    /// The name of this machine for `holders()`; empty = the system's. Processes with different names do not look each
    /// other up in the kernel.
    std::string holder_host{};
    lost_history on_lost_history = lost_history::warm_up;
    /// Whether a missing file is made and one of an older format is updated. If not, both are an error.
    bool migrate = true;
    /// The instants passed to verbs are the store's time, and no clock is read: for tests and replays.
    bool injected_time = false;

    friend bool operator==(const sqlite_options&, const sqlite_options&) = default;
};

/// The fault of the options, one sentence; empty if a store can be made from them.
[[nodiscard]] inline std::string fault_of(const sqlite_options& o) {
    if (o.path.empty() || o.path.find('\0') != std::string::npos)
        return "path: it is empty or has a zero byte; name a file, such as \"/var/lib/app/limits.db\"";
    // SQLite's names for databases that only one connection sees.
    if (o.path == ":memory:" || o.path.starts_with("file:"))
        return "path: it must be a plain file name; for limits inside one process use the memory backend";
    if (o.busy_timeout < duration::zero())
        return "busy_timeout_ms: it is negative; 0 does not wait";
    if (o.entry_ttl <= duration::zero())
        return "entry_ttl_s: it is not positive; 600 suits most";
    if (o.holder_ttl < std::chrono::milliseconds{1})
        return "holder_ttl_ms: it is not positive; 10000 suits most";
    return {};
}

namespace detail {

template <class Enum, std::size_t N>
[[nodiscard]] std::string set_word(std::string_view name, std::string_view value,
                                   const std::array<std::pair<std::string_view, Enum>, N>& words, Enum& to) {
    std::array<std::string_view, N> names;
    for (std::size_t i = 0; i < N; ++i) {
        if (words[i].first == value)
            return to = words[i].second, std::string{};
        names[i] = words[i].first;
    }
    const std::string guess = closest_match(value, names);
    return fmt::format("{}: {} is none of {}{}", name, weir::detail::in_quotes(value), fmt::join(names, ", "),
                       guess.empty() ? "" : fmt::format("; did you mean {}?", guess));
}

inline constexpr std::array<std::string_view, 7> parameters{
    "busy_timeout_ms", "synchronous", "entry_ttl_s", "holder_ttl_ms", "holder_host", "on_lost_history", "migrate"};

/// Sets one parameter. Returns its fault, or nothing.
[[nodiscard]] inline std::string set_parameter(sqlite_options& o, std::string_view name, std::string_view value) {
    constexpr std::array<std::pair<std::string_view, durability>, 3> durabilities{
        {{"normal", durability::normal}, {"full", durability::full}, {"off", durability::off}}};
    constexpr std::array<std::pair<std::string_view, lost_history>, 2> histories{
        {{"warm_up", lost_history::warm_up}, {"ignore", lost_history::ignore}}};
    constexpr std::array<std::pair<std::string_view, bool>, 2> switches{{{"on", true}, {"off", false}}};
    const auto whole = [&](std::int64_t min, std::int64_t max, std::int64_t& to) -> std::string {
        if (weir::detail::whole_number(value, to) && to >= min && to <= max)
            return {};
        return fmt::format("{}: {} is no whole number from {} to {}", name, weir::detail::in_quotes(value), min, max);
    };
    std::int64_t number = 0;
    std::string fault;
    if (name == "busy_timeout_ms") {
        fault = whole(0, 3'600'000, number);
        o.busy_timeout = std::chrono::milliseconds{number};
    } else if (name == "entry_ttl_s") {
        fault = whole(1, 31'536'000, number);
        o.entry_ttl = std::chrono::seconds{number};
    } else if (name == "holder_ttl_ms") {
        fault = whole(1, 31'536'000'000, number);
        o.holder_ttl = std::chrono::milliseconds{number};
    } else if (name == "holder_host") {
        o.holder_host = value;
    } else if (name == "synchronous") {
        fault = set_word(name, value, durabilities, o.synchronous);
    } else if (name == "on_lost_history") {
        fault = set_word(name, value, histories, o.on_lost_history);
    } else if (name == "migrate") {
        fault = set_word(name, value, switches, o.migrate);
    } else {
        const std::string guess = closest_match(name, parameters);
        fault = fmt::format("unknown parameter {}; the parameters are {}{}", weir::detail::in_quotes(name),
                            fmt::join(parameters, ", "), guess.empty() ? "" : fmt::format("; did you mean {}?", guess));
    }
    return fault;
}

}  // namespace detail

/// Reads `sqlite:///absolute/path` or `sqlite:relative/path`, followed by `?name=value&...`: `busy_timeout_ms`,
/// `synchronous` (`normal`, `full`, `off`), `entry_ttl_s`, `holder_ttl_ms`, `holder_host`, `on_lost_history`
/// (`warm_up`, `ignore`), `migrate` (`on`, `off`). `%3F` in the path is a question mark.
///
/// **Errors.** `errc::bad_configuration`, with the position and the closest correct spelling.
[[nodiscard]] inline result<sqlite_options> parse_sqlite_dsn(std::string_view dsn) {
    const auto bad = [](std::string_view why) {
        return error{errc::bad_configuration, fmt::format("backend.dsn: {}", why)};
    };
    constexpr std::string_view scheme = "sqlite:";
    if (!weir::detail::same_ignoring_case(dsn.substr(0, scheme.size()), scheme))
        return bad("it does not begin with \"sqlite:\"; write sqlite:///path/to/file");
    std::string_view rest = dsn.substr(scheme.size());
    if (rest.starts_with("//")) {
        rest.remove_prefix(2);
        if (!rest.starts_with('/'))
            return bad("a host stands before the path, and a file has none; write sqlite:///absolute/path or "
                       "sqlite:relative/path");
    }
    if (rest.find('#') != std::string_view::npos)
        return bad("it has a \"#\"; in a path write %23");
    const auto question = rest.find('?');
    std::string_view query = question == std::string_view::npos ? std::string_view{} : rest.substr(question + 1);
    sqlite_options out;
    auto path = remote::percent_decoded(rest.substr(0, question));
    if (!path)
        return bad("a % in the path is not followed by two hexadecimal digits; a % itself is %25");
    out.path = std::move(*path);
    while (!query.empty()) {
        const auto end = query.find('&');
        const std::string_view one = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        const auto equals = one.find('=');
        if (equals == std::string_view::npos)
            return bad(fmt::format("{} has no value; write name=value", weir::detail::in_quotes(one)));
        if (auto fault = detail::set_parameter(out, one.substr(0, equals), one.substr(equals + 1)); !fault.empty())
            return bad(fault);
    }
    if (auto fault = fault_of(out); !fault.empty())
        return bad(fault);
    return out;
}

}  // namespace weir::sqlite
