// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/leaf_rule.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

namespace weir {

namespace detail {

template <auto Member>
[[nodiscard]] consteval member_rule<policy> policy_leaf(std::string_view name, std::string_view meaning,
                                                        const leaf_rule& rule = {}) {
    return member_leaf<policy, Member>(name, meaning, rule);
}

inline constexpr std::array role_rules{
    policy_leaf<&policy::rates>(
        "rates", "every one must admit: N/UNIT or N/<count>UNIT, a unit being ms, s, min, h, day or week",
        {.no_default = "of the role"}),
    policy_leaf<&policy::max_delay>("max_delay_ms", "longest a caller waits; 0 decides at once",
                                    {.max = longest_ms, .open_ended = true, .no_default = "of the role"}),
    policy_leaf<&policy::count_head>("count_head", "whether HEAD requests count like any other"),
    policy_leaf<&policy::max_concurrent>("max_concurrent", "most requests of the key in flight at once",
                                         {.min = 1, .max = max_count, .none_word = "none"}),
    policy_leaf<&policy::unlimited>("unlimited", "states that the key has no rates on purpose"),
    policy_leaf<&policy::burst>("burst", "most at once of the densest rate; 1 spaces requests evenly",
                                {.min = 1, .max = max_count, .none_word = "none"}),
    policy_leaf<&policy::count_from>("count_from", "from which moment a request fills its place in a window",
                                     {.words = "response, admission"}),
    policy_leaf<&policy::margin>("margin_ms", "added to every window's length, for jitter", {.max = longest_ms}),
    policy_leaf<&policy::enforce>("enforce", "false decides and reports, but neither refuses nor makes wait"),
    policy_leaf<&policy::max_hold>(
        "max_hold_ms", "farthest not-before time of the server a caller waits for; a later one refuses at once",
        {.max = longest_ms, .open_ended = true, .none_word = "none"}),
    policy_leaf<&policy::gate_scope>(
        "gate_scope",
        "whose not-before time moves with this key's: its own, or that of every role of its host or group",
        {.words = "key, host", .former_word = "group", .instead = "use host: the hosts of a group share their keys"}),
    policy_leaf<&policy::on_store_error>(
        "on_store_error",
        "while the store cannot be reached: a log in this process, nothing, or everything is admitted",
        {.words = "local, closed, open"}),
    policy_leaf<&policy::local_share>(
        "local_share_percent",
        "of every rate, for this process, while the store cannot be reached: 100 divided by the processes",
        {.min = 1, .max = 100}),
    policy_leaf<&policy::lease>(
        "lease", "units taken from a shared store in one round trip, for requests to come; 1 = each by itself",
        {.min = 1, .max = 10'000}),
    policy_leaf<&policy::abandon_grace>(
        "abandon_grace_ms",
        "how long a request that ended without an answer may still reach the server; auto = its own time limit, or the "
        "longest latency seen",
        {.max = longest_ms, .none_word = "auto"}),
    policy_leaf<&policy::max_waiting>("max_waiting", "most callers of the key that wait at once; one more is refused",
                                      {.min = 1, .max = max_count, .none_word = "none"}),
    policy_leaf<&policy::refusal_statuses>(
        "refusal_statuses", "statuses that mean a refusal even without a time; any other 4xx or 5xx does only with one",
        {.min = 400, .max = 999}),
    policy_leaf<&policy::reported_limits>(
        "reported_limits",
        "whether to obey the limits that the server reports in its fields: all, those on a refusal, or none",
        {.words = "obey, refusals, ignore"}),
    policy_leaf<&policy::refusal_pause>(
        "refusal_pause_ms", "the first pause after a refusal that states no time; it doubles with each one in a row",
        {.min = 1, .max = longest_ms}),
};

}  // namespace detail

/// Every leaf of a role's policy, in the order in which it is explained. A leaf is a member of `policy` and a row here.
/// Inheriting, checking, reading, explaining and suggesting all use this table.
inline constexpr auto policy_rules = detail::join(detail::role_rules, detail::aimd_rules<policy, &policy::aimd>);

/// The faults of a policy, one sentence for each; empty if a key can use it.
[[nodiscard]] inline std::vector<std::string> faults_of(const policy& p) {
    std::vector<std::string> faults;
    if (p.rates.empty() && !p.unlimited)
        faults.emplace_back("rates: there are none; give at least one, such as \"10/SECOND\", or say unlimited: true");
    if (!p.rates.empty() && p.unlimited)
        faults.emplace_back("unlimited: true contradicts the rates; keep one of them");
    for (const rate& r : p.rates) {
        if (r.limit < 1 || r.limit > rate::max)
            faults.push_back(fmt::format("rates: a limit of {} is outside 1 to {}", r.limit, rate::max));
        if (r.period < rate::shortest || r.period > rate::longest)
            faults.push_back(fmt::format("rates: a period of {} ns is outside {} to {}", r.period.count(),
                                         detail::period_text(rate::shortest), detail::period_text(rate::longest)));
    }
    detail::add_range_faults(detail::role_rules, p, faults);
    if (p.burst > 0 && p.unlimited)
        faults.emplace_back("burst: there is no rate to space");
    for (std::string& fault : faults_of(p.aimd))
        faults.push_back(std::move(fault));
    return faults;
}

}  // namespace weir
