// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::detail {

/// What this process has seen of a key since the store was told, and when that is due: with a refusal, with the end of
/// an observation, and as soon as what it has seen makes up for the refusals that are known.
///
/// **Thread safety.** Every member needs the key's lock.
class key_tuner {
public:
    /// Takes in an answer to a request that was admitted at `admitted`; says whether the store is to be
    /// told.
    [[nodiscard]] bool hears(const aimd_law& law, const feedback& said, instant admitted, instant now) noexcept {
        if (said.status == 0)
            return false;
        ++seen_.answers;
        if (said.status == 429 || said.status == 503) {
            if (admitted < cut_) {
                --seen_.answers;
                return false;
            }
            ++seen_.refusals;
            seen_.stated += said.retry_after || !said.limits.empty() ? 1 : 0;
            seen_.sent = std::max(seen_.sent, admitted);
            return true;
        }
        return now >= next_ || (excess_ > 0 && seen_.answers * law.share() >= excess_);
    }

    [[nodiscard]] const observation& seen() const noexcept { return seen_; }

    /// The store was told `what`, and this is what it came to.
    void told(const observation& what, const tuner_state& now_kept, const aimd_law& law) noexcept {
        seen_.answers -= what.answers;
        seen_.refusals -= what.refusals;
        seen_.stated -= what.stated;
        next_ = later(now_kept.window, law.length());
        cut_ = now_kept.cut;
        excess_ = now_kept.excess;
    }
    /// When the present observation ends, as far as is known here.
    [[nodiscard]] instant next() const noexcept { return next_; }

private:
    observation seen_;
    instant next_ = long_ago;
    instant cut_ = long_ago;
    std::int64_t excess_ = 0;
};

}  // namespace weir::detail
