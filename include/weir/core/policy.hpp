// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/aimd.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

/// From when to when an admitted request takes room in a window.
enum class counting : std::uint8_t {
    response,   ///< from its admission until T after its response: exact at the server, whatever the network does
    admission,  ///< for T after its admission: for callers that hold no permit; the network's jitter is not covered
};

/// What decides about a key while its store cannot be reached.
enum class store_failure : std::uint8_t {
    local,   ///< a log in this process, at the process's share of every rate
    closed,  ///< nothing is admitted
    open,    ///< everything is admitted
};

/// Which gates move together with a key's gate.
enum class gate_reach : std::uint8_t {
    key,   ///< only its own: one role of one host, or of one host group
    host,  ///< the gates of every role of its host or host group (the hosts of a group share their keys)
};

/// Which of the limits that a server reports in its fields are obeyed. `Retry-After` is obeyed in any case.
enum class limit_trust : std::uint8_t {
    obey,      ///< all
    refusals,  ///< only those on a refusal
    ignore,    ///< none: they concern something else, such as credits that these requests do not use
};

/// All limits of a key. Each member is a leaf of a configuration: its range and name are in `policy_rules`.
struct policy {
    /// Every rate must admit a request. Empty is legal only together with `unlimited`.
    std::vector<rate> rates{};
    /// States that this key has no rates on purpose.
    bool unlimited = false;
    /// The longest a caller waits, in ns; 0 = decide at once.
    duration max_delay = std::chrono::milliseconds{200};
    /// Whether HEAD requests count like any other request. If false, windows and ceilings ignore them, but a gate still
    /// stops them.
    bool count_head = false;
    /// The maximum of this key's requests in flight (from admission to the end of the body); 0 = no ceiling.
    std::int64_t max_concurrent = 0;
    /// The maximum of units at once for the densest rate, which spaces its admissions; 1 = evenly; 0 = as many as the
    /// rate allows.
    std::int64_t burst = 0;
    /// When an entry counts.
    counting count_from = counting::response;
    /// Added to every window's length, in ns: a reserve for jitter when counting from admission; 0 = none.
    duration margin = duration::zero();
    /// False: the policy only reports. A request that it would refuse or delay is admitted, and the observer gets an
    /// event.
    bool enforce = true;
    /// The longest time until a gate opens that a caller waits for, in ns. If it opens later, the request is refused at
    /// once with its `retry_at`. `forever` = only `max_delay` limits the wait; 0 = no caller waits for a gate.
    duration max_hold = std::chrono::hours{1};
    /// Which gates move when this key's gate does.
    gate_reach gate_scope = gate_reach::key;
    /// What decides while the store cannot be reached.
    store_failure on_store_error = store_failure::local;
    /// This process's share of every rate under `store_failure::local`, in percent. If the store knows how many
    /// processes use it, the share is not more than one in that number.
    std::int64_t local_share = 25;
    /// Units taken from a shared store in one round trip, for later requests; 1 = a round trip for each request. It is
    /// never more than half of a window, and it is 1 under `max_concurrent` or if `enforce` is false.
    std::int64_t lease = 1;
    /// How long a request that ended without an answer may still reach the server, in ns: its entry counts until T
    /// after its end plus this. Absent = the time limit it was sent with, or else the longest latency seen for the key.
    std::optional<duration> abandon_grace{};
    /// The maximum of waiters of this key; one more is refused at once. 0 = no maximum.
    std::int64_t max_waiting = 0;
    /// The statuses that mean that the server refused because of a limit or of overload, also if it states no time.
    /// Any other 4xx or 5xx is a refusal only if it states when to come back.
    std::vector<std::int64_t> refusal_statuses{429, 503};
    /// Which of the limits that the server reports are obeyed.
    limit_trust reported_limits = limit_trust::obey;
    /// The first pause after a refusal that states no time, in ns. It doubles with each refusal in a row.
    duration refusal_pause = std::chrono::seconds{1};
    /// How the rates follow the server's answers.
    aimd_options aimd{};

    friend bool operator==(const policy&, const policy&) = default;
};

/// The longest window that a process lets pass before it admits alone, after its store has failed.
inline constexpr duration local_warm_up = std::chrono::seconds{10};

/// The policy of a key in this process alone, while its store cannot be reached: a share of every rate and of the
/// ceiling, but at least one request at a time. There are no limits if the policy says `open`.
///
/// The share is `local_share`, and not more than one in `processes`, the processes that used the store when it was last
/// reached; 0 = not known. If their number is known, requests of a rate longer than `local_warm_up` are also spaced
/// evenly, because it is not known how much of its window is used.
[[nodiscard]] inline policy local_policy(policy p, std::int64_t processes = 0) {
    if (p.on_store_error == store_failure::open) {
        p.rates.clear();
        p.unlimited = true;
        p.burst = p.max_concurrent = 0;
        return p;
    }
    const bool is_counted = processes > 0 && processes * p.local_share >= 100;
    const std::int64_t part = is_counted ? 1 : p.local_share;
    const std::int64_t whole = is_counted ? processes : 100;
    std::vector<rate> spaced;
    for (rate& r : p.rates) {
        const std::int64_t parts = r.limit * part;
        if (parts >= whole) {
            r.limit = parts / whole;
        } else {  // less than one unit in a period: one unit in as many periods as are needed for one
            r.period = duration{r.period.count() / parts * whole + r.period.count() % parts * whole / parts + 1};
            r.limit = 1;
        }
        if (processes > 0 && r.period > local_warm_up && r.limit > 1)
            spaced.push_back({1, duration{r.period.count() / r.limit + 1}});
    }
    p.rates.insert(p.rates.end(), spaced.begin(), spaced.end());
    if (p.max_concurrent > 0)
        p.max_concurrent =
            std::max<std::int64_t>(1, p.max_concurrent / whole * part + p.max_concurrent % whole * part / whole);
    return p;
}

}  // namespace weir
