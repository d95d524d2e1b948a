// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <cstdint>

namespace weir::detail {

/// How a store that is elsewhere admits: the place in flight is asked for ahead of the round trip, which `decide()`
/// makes as if it were there, and goes back where the request is denied or the call throws.
template <class Place, class Decide>
[[nodiscard]] forecast with_place_ahead(const window_plan& plan, std::int64_t cost, instant now, Place& place,
                                        Decide&& decide) {
    const bool has_place = cost > 0 && place.take();
    const bool lacks_place = cost > 0 && !has_place;
    if (lacks_place && plan.enforce)
        return {now, cause::inflight, 0};
    try {
        forecast f = decide();
        if (f.why == cause::none && lacks_place) {
            f.why = cause::inflight;
            f.passed = true;
        }
        if (has_place && !f.admits())
            place.give_back();
        return f;
    } catch (...) {
        if (has_place)
            place.give_back();
        throw;
    }
}

}  // namespace weir::detail
