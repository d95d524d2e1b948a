// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::sqlite::detail {

/// What this process keeps of a key.
struct slot_state {
    explicit slot_state(std::string_view host, std::string_view role) {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart, whatever bytes they have.
        const auto size = static_cast<std::uint32_t>(host.size());
        for (int i = 0; i < 4; ++i)
            name += static_cast<char>(static_cast<unsigned char>(size >> (8 * i)));
        name.append(host).append(role);
    }

    std::string name;
    // Guarded by the store's mutex.
    std::int64_t row = 0;          ///< the key's row in the file; 0 = unknown
    std::uint64_t of_opening = 0;  ///< which opening of the file `row` is from
    // Read by threads that hold the key's lock while `settle` may write beside them. Relaxed: each stands for itself.
    std::atomic<std::int64_t> held{0};  ///< entries of this process that are not done
    std::atomic<std::int64_t> millionths{multiplier::one};
    std::atomic<std::int64_t> denied_until{long_ago.time_since_epoch().count()};
    // Written with the key's lock held.
    cause why = cause::none;
    std::uint32_t index = 0;
    window blocking{0, {}};

    /// Remembers a denial of `cost` units, if it holds for all others too.
    void remember(const forecast& f, const window_plan& plan, std::int64_t cost) noexcept {
        const bool holds = f.why == cause::gate || (f.why == cause::window && cost == 1);
        if (!holds)
            return f.admits() ? forget() : void();
        why = f.why;
        index = f.window;
        blocking = f.why == cause::window ? plan.windows[f.window] : window{0, {}};
        denied_until.store(f.at.time_since_epoch().count(), std::memory_order_relaxed);
    }
    void forget() noexcept { denied_until.store(long_ago.time_since_epoch().count(), std::memory_order_relaxed); }
    /// The denial that is remembered, while it lies ahead and the window that made it is in force; else `now`.
    [[nodiscard]] forecast foresee(const window_plan& plan, std::int64_t cost, instant now) const noexcept {
        const instant at{duration{denied_until.load(std::memory_order_relaxed)}};
        if (at <= now || (cost == 0 && why != cause::gate))
            return {now, cause::none, 0};
        if (why == cause::window && (index >= plan.windows.size() || plan.windows[index].limit != blocking.limit ||
                                     plan.windows[index].period != blocking.period))
            return {now, cause::none, 0};
        return {at, why, index};
    }
};

}  // namespace weir::sqlite::detail
