// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::remote {

/// When a server that refused a connection may be tried again: after `first`, then after twice as long for each further
/// failure, up to `max`. Each time a random part of up to a half is taken off, so that many processes do not come back
/// at once.
///
/// **Thread safety.** None.
class back_off {
public:
    back_off(duration first, duration max) : first_(first), max_(max), delay_(first) {}

    /// How long no attempt is allowed; zero or less if one is allowed.
    [[nodiscard]] duration left(instant now) const noexcept { return retry_at_ - now; }
    /// The last failure; empty after a success.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

    /// Begins an attempt that takes `longest` at most. While the server is failing, other threads wait for its outcome.
    void begin(instant now, duration longest) noexcept {
        if (!reason_.empty())
            retry_at_ = saturating_add(now, longest);
    }
    /// `random` is any number, uniformly distributed.
    void failed(instant now, std::uint64_t random, std::string_view reason) {
        const auto half = static_cast<std::uint64_t>(delay_.count()) / 2;
        retry_at_ = saturating_add(now, delay_ - duration{static_cast<std::int64_t>(random % (half + 1))});
        delay_ = std::min(delay_ * 2, max_);
        reason_ = reason;
    }
    void succeeded() noexcept {
        delay_ = first_;
        retry_at_ = long_ago;
        reason_.clear();
    }

private:
    duration first_;
    duration max_;
    duration delay_;
    instant retry_at_ = long_ago;
    std::string reason_;
};

}  // namespace weir::remote
