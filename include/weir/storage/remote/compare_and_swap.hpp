// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/tuner_record.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <optional>
#include <utility>

namespace weir::remote {

/// Asks a server to store `next` and `next_factor` if it still has `seen` and `seen_factor`.
struct swap_offer {
    tuner_record seen;
    multiplier seen_factor;
    tuner_record next;
    multiplier next_factor;
};

/// The server's reply: whether it swapped, and what it has if it did not.
struct swap_reply {
    bool swapped = false;
    multiplier factor{};
    tuner_record record{};
};

/// Applies `step` to a tuner state that a server keeps: one round trip if the server still has `seen` and `factor`,
/// and one more each time another process changed them first. Empty if that went on for longer than `patience`.
///
/// `ahead()` is how far the server's time is ahead of this process's; empty until the first reply. Then the state is
/// read before it is changed. `swap(offer)` makes the round trip.
template <class Ahead, class Swap, clock_source Clock = steady_clock>
[[nodiscard]] std::optional<tuner_state> compare_and_swap(tuner_record& seen, multiplier factor, tuner_step step,
                                                          duration patience, Ahead&& ahead, Swap&& swap,
                                                          const Clock& clock = {}) {
    const instant deadline = saturating_add(clock.now(), patience);
    do {
        // A record of one number never matches a stored one (it has 0, or at least 10), so this offer only reads.
        swap_offer offer{{0}, factor, {}, factor};
        tuner_state after;
        if (const std::optional<duration> by = ahead()) {
            const tuner_state before = to_state(seen, factor, *by);
            after = step(before);
            offer = {seen, factor, after == before ? seen : to_record(after, *by), after.factor};
        }
        swap_reply reply = swap(std::as_const(offer));
        if (reply.swapped) {
            seen = std::move(offer.next);
            return after;
        }
        seen = std::move(reply.record);
        factor = reply.factor;
    } while (clock.now() < deadline);
    return std::nullopt;
}

}  // namespace weir::remote
