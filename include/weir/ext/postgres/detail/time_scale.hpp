// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/wire.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::postgres::detail {

/// Converts instants of this process to those of the server: nanoseconds of the server's clock, or unchanged under
/// injected time.
///
/// **Thread safety.** All members may be called from any thread.
class time_scale {
public:
    explicit time_scale(const postgres_options* options) : options_(*options) {}

    [[nodiscard]] bool is_injected() const noexcept { return options_.injected_time; }
    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept {
        return is_injected() ? std::max(last_.load(), instant{}) : steady_clock{}.now();
    }

    /// Adds the time of a verb; nothing if the server's clock decides.
    void put(parameter_list& values, instant now) {
        if (!is_injected())
            return values.nothing();
        for (instant seen = last_.load(); seen < now && !last_.compare_exchange_weak(seen, now);) {
        }
        values.number(now.time_since_epoch().count());
    }
    /// This process's instant for `at` on the server, where `t` on the server is `here` in this process.
    [[nodiscard]] instant local(std::int64_t at, std::int64_t t, instant here) const noexcept {
        const instant there{duration{at}};
        return is_injected() || there <= long_ago || there >= far_future ? there
                                                                         : saturating_add(here, duration{at - t});
    }

private:
    const postgres_options& options_;
    std::atomic<instant> last_{long_ago};  // the latest injected time
};

}  // namespace weir::postgres::detail
