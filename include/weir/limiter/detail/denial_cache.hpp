// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_core.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <cstdint>

namespace weir::detail {

/// The last denial of one unit by a shared store, for as long as only time can end it. It spares a call whose answer is
/// known.
///
/// **Thread safety.** Every member needs the key's lock.
class denial_cache {
public:
    /// What is known at `now` without a call. It admits where nothing is known that stands in the way.
    [[nodiscard]] assessment at(instant now) const noexcept {
        return last_.at > now ? last_ : assessment{now, cause::none, 0};
    }

    /// Something made room: what the store said does not hold any more.
    void clear(key_core& key) noexcept {
        key.denial.clear();
        last_ = nothing;
    }
    /// The store has answered a request of `cost` units with `f`. Other threads see it where it stands for them too.
    void record(key_core& key, const assessment& f, std::int64_t cost, instant now) noexcept {
        clear(key);
        key.note_bound(f);
        if (f.cause == cause::none || f.passed || cost != 1)
            return;
        if (f.cause == cause::window || f.cause == cause::gate)
            last_ = f;
        // A store elsewhere does not say whether an open entry stands in the way: then the time is a whole period away.
        const bool may_move = f.cause == cause::window && f.at - key.plan().windows[f.window].period >= now;
        if (key.is_quiet() && !may_move)
            key.publish(f, cost);
    }

private:
    static constexpr assessment nothing{long_ago, cause::none, 0};

    assessment last_ = nothing;
};

}  // namespace weir::detail
