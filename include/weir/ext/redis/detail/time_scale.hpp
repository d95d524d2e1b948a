// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/server_clock.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

namespace weir::redis::detail {

/// Converts instants and spans of this process for the scripts: to microseconds of the server's clock, or under
/// injected time to nanoseconds from the origin.
///
/// **Thread safety.** All members may be called from any thread.
class time_scale {
public:
    explicit time_scale(const redis_options* options) : options_(*options) {}

    [[nodiscard]] bool is_injected() const noexcept { return options_.injected_time; }
    /// This process's steady clock; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept {
        return is_injected() ? std::max(last_.load(), instant{}) : steady_clock{}.now();
    }

    /// The time of a verb, as the script takes it.
    [[nodiscard]] double argument(instant now) noexcept {
        if (!is_injected())
            return server_time;
        for (instant seen = last_.load(); seen < now && !last_.compare_exchange_weak(seen, now);) {
        }
        return injected(now);
    }
    /// The time of a verb without an instant.
    [[nodiscard]] double no_argument() const noexcept { return is_injected() ? -never : server_time; }

    /// An instant under injected time.
    [[nodiscard]] double injected(instant at) const noexcept {
        return at <= long_ago ? -never : static_cast<double>((at - options_.origin).count());
    }
    [[nodiscard]] double span(duration d) const noexcept {
        return is_injected() ? static_cast<double>(d.count()) : microseconds_up(d);
    }
    /// This process's instant for `at` on the server, where `t` on the server is `here` in this process.
    [[nodiscard]] instant local(double at, double t, instant here) const noexcept {
        if (std::isinf(at))
            return at < 0 ? long_ago : far_future;
        if (is_injected())
            return options_.origin + duration{static_cast<std::int64_t>(at)};
        const duration d = span_of(at - t);
        return d < duration::zero() ? here + d : saturating_add(here, d);
    }

    /// How far the server's time is ahead of this process's; nothing while it is not known.
    [[nodiscard]] std::optional<duration> ahead(const server_clock& clock) const noexcept {
        if (is_injected())
            return duration::zero();
        if (!clock.is_known())
            return std::nullopt;
        return std::chrono::microseconds{clock.now()} - now().time_since_epoch();
    }

private:
    const redis_options& options_;
    std::atomic<instant> last_{long_ago};  // the latest injected time
};

}  // namespace weir::redis::detail
