// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/config/policy_leaves.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

enum class value_type : std::uint8_t {
    whole,    ///< a whole number
    number,   ///< a number, a fraction allowed
    boolean,  ///< true or false
    word,     ///< one of a few words
    text,     ///< any text
    rates,    ///< a list of rates, or one text with "," or "+" between them
    span,     ///< a number of milliseconds, or a text with a unit
    names,    ///< a list of role names, or one text with "," between them
    hosts,    ///< a list of hosts and wildcards, or one text with "," between them
};

/// What can be said about a leaf without knowing what it is for. One table of these drives checks, suggestions and
/// help.
struct leaf_rule {
    std::string_view name;  ///< path from the top, or below a role
    value_type type;
    double least = 0;
    double most = 0;
    bool may_be_none = false;     ///< whether null or "none" says there is none
    bool in_files = true;         ///< whether a file may have it; a variable or flag always may
    bool secret = false;          ///< whether it may never be shown
    std::string_view words = {};  ///< for `word`: the allowed ones, ", " between them
    std::string_view fallback = {};
    std::string_view meaning = {};
};

/// A leaf's value once it is checked; `std::monostate` is a stated "none".
using checked_value = std::variant<std::monostate, std::int64_t, double, bool, std::string, std::vector<rate>, duration,
                                   std::vector<std::string>>;

/// A rule, and where its value goes.
template <class Target>
struct stored_rule : leaf_rule {
    void (*store)(Target&, checked_value&&);
};

namespace detail {

inline constexpr double most_count = 1e9;
inline constexpr double longest_ms = static_cast<double>(rate::longest.count()) / 1e6;

inline std::int64_t count_of(const checked_value& v) {
    const auto* n = std::get_if<std::int64_t>(&v);
    return n == nullptr ? 0 : *n;
}
inline double number_of(const checked_value& v) { return std::get<double>(v); }

/// The tuner's leaves, which stand at the top for every key and below a role for one.
template <class Target>
inline constexpr std::array<stored_rule<Target>, 7> aimd_rules{{
    {{.name = "aimd.enabled",
      .type = value_type::boolean,
      .fallback = "false",
      .meaning = "whether rates follow the server's 429 and 503 answers"},
     [](Target& t, checked_value&& v) { t.aimd.enabled = std::get<bool>(v); }},
    {{.name = "aimd.window_s",
      .type = value_type::number,
      .least = 0.001,
      .most = 604800,
      .fallback = "60",
      .meaning = "length of one observation, in seconds"},
     [](Target& t, checked_value&& v) { t.aimd.window_s = number_of(v); }},
    {{.name = "aimd.high_429_ratio",
      .type = value_type::number,
      .least = 0.000001,
      .most = 1,
      .fallback = "0.05",
      .meaning = "share of 429 and 503 answers from which on rates are cut"},
     [](Target& t, checked_value&& v) { t.aimd.high_429_ratio = number_of(v); }},
    {{.name = "aimd.increase_step_pct",
      .type = value_type::number,
      .least = 0.000001,
      .most = 100,
      .fallback = "5",
      .meaning = "growth after a quiet window, percent of the configured rate"},
     [](Target& t, checked_value&& v) { t.aimd.increase_step_pct = number_of(v); }},
    {{.name = "aimd.decrease_step_pct",
      .type = value_type::number,
      .least = 0.000001,
      .most = 99,
      .fallback = "20",
      .meaning = "cut, percent of the current rate"},
     [](Target& t, checked_value&& v) { t.aimd.decrease_step_pct = number_of(v); }},
    {{.name = "aimd.min_multiplier",
      .type = value_type::number,
      .least = 0.000001,
      .most = 1,
      .fallback = "0.3",
      .meaning = "least factor on a rate"},
     [](Target& t, checked_value&& v) { t.aimd.min_multiplier = number_of(v); }},
    {{.name = "aimd.max_multiplier",
      .type = value_type::number,
      .least = 0.000001,
      .most = 1,
      .fallback = "1",
      .meaning = "greatest factor on a rate"},
     [](Target& t, checked_value&& v) { t.aimd.max_multiplier = number_of(v); }},
}};

template <class Rule, std::size_t A, std::size_t B>
[[nodiscard]] constexpr std::array<Rule, A + B> join(const std::array<Rule, A>& a, const std::array<Rule, B>& b) {
    std::array<Rule, A + B> out{};
    std::ranges::copy(b, std::ranges::copy(a, out.begin()).out);
    return out;
}

inline constexpr std::array<stored_rule<policy_leaves>, 14> role_rules{{
    {{.name = "rates",
      .type = value_type::rates,
      .fallback = "of the role",
      .meaning = "every one must admit: N/UNIT or N/<count>UNIT, a unit being ms, s, min, h, day or week"},
     [](policy_leaves& p, checked_value&& v) { p.rates = std::get<std::vector<rate>>(std::move(v)); }},
    {{.name = "max_delay_ms",
      .type = value_type::span,
      .least = 0,
      .most = longest_ms,
      .fallback = "of the role",
      .meaning = "longest a caller waits; 0 decides at once"},
     [](policy_leaves& p, checked_value&& v) { p.max_delay = std::get<duration>(v); }},
    {{.name = "count_head",
      .type = value_type::boolean,
      .fallback = "false",
      .meaning = "whether HEAD requests count like any other"},
     [](policy_leaves& p, checked_value&& v) { p.count_head = std::get<bool>(v); }},
    {{.name = "max_concurrent",
      .type = value_type::whole,
      .least = 1,
      .most = most_count,
      .may_be_none = true,
      .fallback = "none",
      .meaning = "most requests of the key in flight at once"},
     [](policy_leaves& p, checked_value&& v) { p.max_concurrent = count_of(v); }},
    {{.name = "unlimited",
      .type = value_type::boolean,
      .fallback = "false",
      .meaning = "states that the key has no rates on purpose"},
     [](policy_leaves& p, checked_value&& v) { p.unlimited = std::get<bool>(v); }},
    {{.name = "burst",
      .type = value_type::whole,
      .least = 1,
      .most = most_count,
      .may_be_none = true,
      .fallback = "none",
      .meaning = "most at once of the densest rate; 1 spaces requests evenly"},
     [](policy_leaves& p, checked_value&& v) { p.burst = count_of(v); }},
    {{.name = "count_from",
      .type = value_type::word,
      .words = "response, admission",
      .fallback = "response",
      .meaning = "from which moment a request fills its place in a window"},
     [](policy_leaves& p, checked_value&& v) {
         p.count_from = std::get<std::string>(v) == "response" ? counting::response : counting::admission;
     }},
    {{.name = "margin_ms",
      .type = value_type::span,
      .least = 0,
      .most = longest_ms,
      .fallback = "0",
      .meaning = "added to every window's length, for jitter"},
     [](policy_leaves& p, checked_value&& v) { p.margin = std::get<duration>(v); }},
    {{.name = "enforce",
      .type = value_type::boolean,
      .fallback = "true",
      .meaning = "false decides and reports, but neither refuses nor makes wait"},
     [](policy_leaves& p, checked_value&& v) { p.enforce = std::get<bool>(v); }},
    {{.name = "max_hold_ms",
      .type = value_type::span,
      .least = 0,
      .most = longest_ms,
      .may_be_none = true,
      .fallback = "none",
      .meaning = "farthest not-before time of the server a caller waits for; a later one refuses at once"},
     [](policy_leaves& p, checked_value&& v) {
         const auto* span = std::get_if<duration>(&v);
         p.max_hold = span == nullptr ? forever : *span;
     }},
    {{.name = "gate_scope",
      .type = value_type::word,
      .words = "key, host, group",
      .fallback = "key",
      .meaning = "whose not-before time moves with this key's: its own, or that of every role of its host or group"},
     [](policy_leaves& p, checked_value&& v) {
         const auto& word = std::get<std::string>(v);
         p.gate_scope = word == "key" ? gate_reach::key : word == "host" ? gate_reach::host : gate_reach::group;
     }},
    {{.name = "on_store_error",
      .type = value_type::word,
      .words = "local, closed, open",
      .fallback = "local",
      .meaning = "while the store cannot be reached: a log in this process, nothing, or everything is admitted"},
     [](policy_leaves& p, checked_value&& v) {
         const auto& word = std::get<std::string>(v);
         p.on_store_error = word == "local"    ? store_failure::local
                            : word == "closed" ? store_failure::closed
                                               : store_failure::open;
     }},
    {{.name = "local_share_percent",
      .type = value_type::whole,
      .least = 1,
      .most = 100,
      .fallback = "25",
      .meaning = "of every rate, for this process, while the store cannot be reached: 100 divided by the processes"},
     [](policy_leaves& p, checked_value&& v) { p.local_share = std::get<std::int64_t>(v); }},
    {{.name = "lease",
      .type = value_type::whole,
      .least = 1,
      .most = 10'000,
      .fallback = "1",
      .meaning = "units taken from a shared store in one round trip, for requests to come; 1 = each by itself"},
     [](policy_leaves& p, checked_value&& v) { p.lease = std::get<std::int64_t>(v); }},
}};

inline constexpr std::array<stored_rule<settings>, 9> run_rules{{
    {{.name = "version",
      .type = value_type::whole,
      .least = 1,
      .most = 1,
      .fallback = "1",
      .meaning = "of this format"},
     [](settings&, checked_value&&) {}},
    {{.name = "checked",
      .type = value_type::text,
      .fallback = "\"\"",
      .meaning = "when somebody last compared the file with its source; has no effect"},
     [](settings&, checked_value&&) {}},
    {{.name = "source",
      .type = value_type::text,
      .fallback = "\"\"",
      .meaning = "where the limits are written down; has no effect"},
     [](settings&, checked_value&&) {}},
    {{.name = "roles",
      .type = value_type::names,
      .fallback = "none",
      .meaning = "further roles besides metadata, landing and artifact"},
     [](settings& s, checked_value&& v) {
         for (const auto& name : std::get<std::vector<std::string>>(v))
             s.declare(name);
     }},
    {{.name = "global_max_inflight",
      .type = value_type::whole,
      .least = 1,
      .most = most_count,
      .may_be_none = true,
      .fallback = "500",
      .meaning = "most requests of the process in flight at once"},
     [](settings& s, checked_value&& v) { s.global_max_inflight = count_of(v); }},
    {{.name = "disabled",
      .type = value_type::boolean,
      .in_files = false,
      .fallback = "false",
      .meaning = "turns limiting off as a whole"},
     [](settings& s, checked_value&& v) { s.disabled = std::get<bool>(v); }},
    {{.name = "shadow",
      .type = value_type::boolean,
      .in_files = false,
      .fallback = "false",
      .meaning = "enforces nothing and reports everything: as enforce: false in every role"},
     [](settings& s, checked_value&& v) { s.shadow = std::get<bool>(v); }},
    {{.name = "backend.kind",
      .type = value_type::word,
      .words = "memory, sqlite, redis, postgres",
      .fallback = "memory",
      .meaning = "where the logs live"},
     [](settings& s, checked_value&& v) { s.backend.kind = std::get<std::string>(std::move(v)); }},
    {{.name = "backend.dsn",
      .type = value_type::text,
      .secret = true,
      .fallback = "\"\"",
      .meaning = "the store's own connection text"},
     [](settings& s, checked_value&& v) { s.backend.dsn = std::get<std::string>(std::move(v)); }},
}};

}  // namespace detail

/// Every leaf a role's policy has, in the order in which it is explained.
inline constexpr auto policy_rules = detail::join(detail::role_rules, detail::aimd_rules<policy_leaves>);

/// Every leaf outside the policies and the groups.
inline constexpr auto process_rules = detail::join(detail::run_rules, detail::aimd_rules<detail::settings>);

/// What stands below `host_groups` for each group.
inline constexpr leaf_rule group_rule{.name = "host_groups",
                                      .type = value_type::hosts,
                                      .fallback = "none",
                                      .meaning = "hosts that share one budget: below hosts, the group's name stands "
                                                 "for them all"};

}  // namespace weir
