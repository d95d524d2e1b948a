// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_core.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::detail {

/// The last denial of one unit by a shared store, while only time can end it. It saves a call whose answer is known.
///
/// **Thread safety.** All members need the key's lock.
class denial_cache {
public:
    /// How long a gate is believed, however far away it is: another process may have opened it.
    static constexpr duration recheck_gate = std::chrono::seconds{1};

    /// How long a window that open entries fill is believed to be full: the process that has them may have died.
    static constexpr duration recheck_open = std::chrono::seconds{3};

    /// When the store is called again after the timed denial `f`.
    [[nodiscard]] static instant next_call(const assessment& f, instant now) noexcept {
        return f.cause == cause::gate ? std::min(f.at, saturating_add(now, recheck_gate)) : f.at;
    }

    /// What is known at `now` without a call. It admits if no denial is known.
    [[nodiscard]] assessment at(instant now) const noexcept {
        return until_ > now ? last_ : assessment{now, cause::none, 0};
    }

    /// Forgets the denial, because something made room.
    void clear(key_core& key) noexcept {
        key.denial.clear();
        last_ = nothing;
        until_ = long_ago;
    }
    /// Records the store's answer `f` to a request of `cost` units. Publishes it for other threads if it holds for them
    /// too.
    void record(key_core& key, const assessment& f, std::int64_t cost, instant now) noexcept {
        clear(key);
        key.note_bound(f);
        if (f.cause == cause::none || f.passed || cost != 1)
            return;
        const bool is_open = f.cause == cause::window && f.at - key.plan().windows[f.window].period >= now;
        if (f.cause == cause::window || f.cause == cause::gate) {
            last_ = f;
            until_ = is_open ? std::min(f.at, saturating_add(now, recheck_open)) : next_call(f, now);
        }
        // A shared store does not say whether an open entry stands in the way. If one does, the time is a whole period
        // away.
        const bool may_move = f.cause == cause::window && f.at - key.plan().windows[f.window].period >= now;
        if (key.queue_empty() && !may_move)
            key.publish(f, cost, next_call(f, now));
    }

private:
    static constexpr assessment nothing{long_ago, cause::none, 0};

    assessment last_ = nothing;
    instant until_ = long_ago;
};

}  // namespace weir::detail
