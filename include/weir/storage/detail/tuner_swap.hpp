// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/clock.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/detail/tuner_words.hpp"

#include <optional>
#include <utility>

namespace weir::detail {

/// What a store elsewhere is asked: to keep `next` and `next_factor` if it has `seen` and `factor`.
struct tuner_offer {
    tuner_words seen;
    multiplier factor;
    tuner_words next;
    multiplier next_factor;
};

/// What it says: whether it had them, and if not, what it has.
struct tuner_answer {
    bool swapped = false;
    multiplier factor{};
    tuner_words words{};
};

/// Moves a tuner state that is kept elsewhere: one round trip where nobody moved it since `seen` and `factor` were
/// heard of, and another one each time somebody was faster. Nothing, if that went on for longer than `patience`.
///
/// `ahead()` is how far the store's time is ahead of this process's; nothing as long as no reply has told: then the
/// store is asked for what it has first. `swap(offer)` is the round trip.
template <class Ahead, class Swap>
[[nodiscard]] std::optional<tuner_state> learn_by_swap(tuner_words& seen, multiplier factor, tuner_step step,
                                                       duration patience, Ahead&& ahead, Swap&& swap) {
    const instant until = later(steady_clock{}.now(), patience);
    do {
        // No store has a single word.
        tuner_offer offer{{0}, factor, {}, factor};
        tuner_state after;
        if (const std::optional<duration> by = ahead()) {
            const tuner_state before = state_of(seen, factor, *by);
            after = step(before);
            offer = {seen, factor, after == before ? seen : words_of(after, *by), after.factor};
        }
        tuner_answer got = swap(std::as_const(offer));
        if (got.swapped) {
            seen = std::move(offer.next);
            return after;
        }
        seen = std::move(got.words);
        factor = got.factor;
    } while (steady_clock{}.now() < until);
    return std::nullopt;
}

}  // namespace weir::detail
