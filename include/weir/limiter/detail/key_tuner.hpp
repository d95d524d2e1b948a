// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::detail {

/// What this process has seen of a key since its last report to the store. A report is due with a refusal, at the end
/// of an observation, and as soon as the answers make up for the known refusals.
///
/// **Thread safety.** Every member needs the key's lock.
class key_tuner {
public:
    /// Records an answer to a request that was admitted at `admitted`. Returns whether a report to the store is due. Up
    /// to `share` millionths of the answers may be refusals.
    [[nodiscard]] bool record(std::int64_t share, const feedback& said, instant admitted, instant now) noexcept {
        if (said.status == 0 || (said.refuses() && admitted < cut_))
            return false;
        ++seen_.answers;
        if (said.refuses()) {
            ++seen_.refusals;
            seen_.stated += said.retry_after || !said.limits.empty() ? 1 : 0;
            seen_.sent = std::max(seen_.sent, admitted);
            return true;
        }
        return now >= next_ || (excess_ > 0 && seen_.answers * share >= excess_);
    }

    /// Records that the windows delay a request until `until`.
    void hold_back(instant until) noexcept { seen_.bound = std::max(seen_.bound, until); }

    [[nodiscard]] const observation& seen() const noexcept { return seen_; }

    /// Records that `what` was reported to the store and that the result was `kept`. An observation lasts for `length`;
    /// `may_grow` says whether time alone may change the factor.
    void acknowledge(const observation& what, const tuner_state& kept, duration length, bool may_grow) noexcept {
        seen_.answers -= what.answers;
        seen_.refusals -= what.refusals;
        seen_.stated -= what.stated;
        next_ = saturating_add(kept.window, length);
        cut_ = kept.cut;
        excess_ = kept.excess;
        retune_ = may_grow ? next_ : far_future;
    }
    /// When time alone may change the factor for requests that wait; `far_future` = never.
    [[nodiscard]] instant retune() const noexcept { return retune_; }
    void retune_at(instant when) noexcept { retune_ = when; }

private:
    observation seen_;
    instant next_ = long_ago;
    instant cut_ = long_ago;
    instant retune_ = far_future;
    std::int64_t excess_ = 0;
};

}  // namespace weir::detail
