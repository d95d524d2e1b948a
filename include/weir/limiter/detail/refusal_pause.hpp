// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::detail {

/// How long a key sends nothing after an answer. A 429 or 503 that states no time means one second. The pause doubles
/// each time the next request is refused as well, up to a minute. Any other answer ends it.
///
/// A refusal of a request that was sent before another refusal is ignored: a burst is refused once.
///
/// **Thread safety.** Every member needs the key's lock.
class refusal_pause {
public:
    static constexpr duration first = std::chrono::seconds{1};
    static constexpr duration max = std::chrono::minutes{1};

    /// Until when to send nothing after the answer to a request that was admitted at `admitted`; `long_ago` = no pause.
    [[nodiscard]] instant after(const feedback& said, instant admitted, instant now) noexcept {
        const bool is_new = admitted >= since_;
        if (!said.refuses()) {
            if (is_new && said.status != 0)
                refusals_ = 0;
            return said.retry_after ? saturating_add(now, *said.retry_after) : long_ago;
        }
        const instant pause = saturating_add(now, length(refusals_));
        if (is_new) {
            since_ = now;
            ++refusals_;
        }
        if (said.retry_after)
            return saturating_add(now, *said.retry_after);
        return is_new ? pause : long_ago;
    }

    /// Whether forgetting this state would change a later pause. The last refusal is remembered for ten times the
    /// longest pause, so that the pause goes on doubling for a crawler that comes back in that time.
    [[nodiscard]] bool is_remembered(instant now) const noexcept {
        return refusals_ > 0 && now < saturating_add(since_, 10 * max);
    }

private:
    [[nodiscard]] static constexpr duration length(std::uint32_t refusals) noexcept {
        return std::min(first * (std::int64_t{1} << std::min(refusals, 6U)), max);
    }

    instant since_ = long_ago;  // when the last new refusal was seen
    std::uint32_t refusals_ = 0;
};

}  // namespace weir::detail
