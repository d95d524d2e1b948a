// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace weir::redis::detail {

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// How many stamps to keep: as many as any window reaches back, plus as many as a request of `cost` may take back.
[[nodiscard]] inline std::int64_t kept(const window_plan& plan, std::int64_t cost) noexcept {
    auto max = static_cast<std::int64_t>(plan.kept.exact);
    for (const window& w : plan.windows)
        max = std::max(max, w.limit);
    return max + cost;
}

/// A name of all that decides about a request but the time: two callers that ask for the same have the same one. It is
/// a double of any bits but those of zero, of infinity and of no number.
class plan_name {
public:
    void add(double value) noexcept {
        bits_ = (bits_ ^ std::bit_cast<std::uint64_t>(value)) * 0x9E3779B97F4A7C15U;
        bits_ ^= bits_ >> 32;
    }
    [[nodiscard]] double value() const noexcept {
        return std::bit_cast<double>((bits_ | 1) & ~(std::uint64_t{1} << 62));
    }

private:
    std::uint64_t bits_ = 0;
};

/// The arguments of the script `admit`, besides an entry's id. `lives` is what the caller knows of the head, or
/// `unknown`. If it is `swift`, the head's credit will do.
[[nodiscard]] inline argument_list admit_arguments(time_scale& time, const window_plan& plan, std::int64_t cost,
                                                   instant now, admit_mode how, duration entry_ttl, double lives,
                                                   bool swift) {
    argument_list out{9 + 2 * plan.windows.size()};
    plan_name name;
    const auto add = [&](double value) {
        name.add(value);
        out.add(value);
    };
    const double mode = number(how) + (plan.enforce ? 0 : number(admit_mode::forced));
    name.add(mode);
    out.add(mode + (swift ? number(admit_mode::swift) : 0));
    add(static_cast<double>(cost));
    out.add(time.argument(now));
    add(time.span(entry_ttl));
    add(static_cast<double>(plan.max_concurrent));
    add(time.span(plan.kept.longest));
    add(static_cast<double>(kept(plan, cost)));
    out.add(lives);
    const std::size_t place = out.all().size();
    out.add(0);
    for (const window& w : plan.windows) {
        add(static_cast<double>(w.limit));
        add(time.span(w.period));
    }
    out.set(place, name.value());
    return out;
}

/// The call of the script `admit`.
struct admit_call {
    argument_list args;
    double at = 0;       ///< not before the server's present time
    double lives = 0;    ///< what the caller knows of the head
    std::string note{};  ///< says what an admission by credit opens
};

}  // namespace weir::redis::detail
