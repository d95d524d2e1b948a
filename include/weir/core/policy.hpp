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

/// From when to when an admitted request fills its place in a window.
enum class counting : std::uint8_t {
    response,   ///< from its admission until T after its response: exact at the server, whatever the network does
    admission,  ///< for T after its admission: for callers that hold no permit; the network's jitter is theirs
};

/// What decides on a key while its store cannot be reached.
enum class store_failure : std::uint8_t {
    local,   ///< a log in this process, at its share of every rate
    closed,  ///< nothing is admitted
    open,    ///< everything is admitted
};

/// Whose gates move with a key's.
enum class gate_reach : std::uint8_t {
    key,   ///< none but its own: one role of one host, or of one host group
    host,  ///< those of every role of its host, or of its host group: the hosts of a group share their keys
};

/// Everything that governs a key. Each member is a leaf of a configuration: its range and name are in `policy_rules`.
struct policy {
    /// Every one must admit. Empty is legal only together with `unlimited`.
    std::vector<rate> rates{};
    /// States that this key has no rates on purpose.
    bool unlimited = false;
    /// The longest a caller waits, in ns; 0 = decide at once.
    duration max_delay = std::chrono::milliseconds{200};
    /// Whether HEAD requests count like any other. When false they pass windows and ceilings free; a gate still holds
    /// them.
    bool count_head = false;
    /// The most requests of this key in flight at once (admission to end of body); 0 = no ceiling.
    std::int64_t max_concurrent = 0;
    /// The most units at once of the densest rate, which spaces its admissions; 1 = evenly; 0 = as many as the rate
    /// allows.
    std::int64_t burst = 0;
    /// When an entry counts.
    counting count_from = counting::response;
    /// Added to every window's length, in ns: head-room for jitter when counting from admission; 0 = none.
    duration margin = duration::zero();
    /// False only reports: what would have been refused or made to wait is admitted and told to the observer.
    bool enforce = true;
    /// The farthest gate a caller waits for, in ns: one that opens later refuses at once with its `retry_at`; `forever`
    /// = only `max_delay` bounds the wait; 0 = no gate is waited for.
    duration max_hold = forever;
    /// Whose gates move when this key's does.
    gate_reach gate_scope = gate_reach::key;
    /// Who decides while the store cannot be reached.
    store_failure on_store_error = store_failure::local;
    /// This process's part of every rate under `store_failure::local`, in percent: 100 divided by the processes.
    std::int64_t local_share = 25;
    /// Units taken from a shared store in one round trip, for requests to come; 1 = each request by itself. Never more
    /// than half of a window, and only 1 under `max_concurrent` or where `enforce` is false.
    std::int64_t lease = 1;
    /// How long a request that ended without an answer may still reach the server, in ns: its entry counts until T
    /// after its end plus this. Absent = the time limit it was sent with, or else the longest latency seen of the key.
    std::optional<duration> abandon_grace{};
    /// The most waiters of this key at once; one more is refused at once. 0 = no bound.
    std::int64_t max_waiting = 0;
    /// How the rates follow the server's answers.
    aimd_options aimd{};

    friend bool operator==(const policy&, const policy&) = default;
};

/// What governs a key in this process alone, while its store cannot be reached: `local_share` of every rate and of the
/// ceiling, but at least one at a time, or nothing at all where the policy says `open`.
[[nodiscard]] inline policy local_policy(policy p) {
    if (p.on_store_error == store_failure::open) {
        p.rates.clear();
        p.unlimited = true;
        p.burst = p.max_concurrent = 0;
        return p;
    }
    for (rate& r : p.rates) {
        const std::int64_t hundredths = r.limit * p.local_share;
        if (hundredths >= 100) {
            r.limit = hundredths / 100;
        } else {  // less than one unit in a period: one in as many periods as make one
            r.limit = 1;
            r.period =
                duration{r.period.count() / hundredths * 100 + r.period.count() % hundredths * 100 / hundredths + 1};
        }
    }
    if (p.max_concurrent > 0)
        p.max_concurrent = std::max<std::int64_t>(1, p.max_concurrent / 100 * p.local_share +
                                                         p.max_concurrent % 100 * p.local_share / 100);
    return p;
}

}  // namespace weir
