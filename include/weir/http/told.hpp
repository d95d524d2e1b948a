// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/ratelimit_fields.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/limiter/feedback.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace weir::http {

/// What a response's status and fields say about the limit, for `permit::arrived`.
///
/// `Retry-After` is read where the status lets it be about the limit (`may_retry_after`), the RateLimit fields on any
/// response. `now` is when it arrived; absent = the system's clock, which is read only where there is something to
/// measure. `unit` says how a `Reset` without a standard counts.
///
/// **Complexity.** One walk over the fields where none of them tells of a limit, and nothing is allocated.
class told {
public:
    told(int status, const headers& fields, std::optional<std::chrono::system_clock::time_point> now = {},
         reset_unit unit = reset_unit::guessed) {
        said_.status = status;
        const bool may_hold = status == 0 || may_retry_after(status);
        const bool may_limit = may_tell_quotas(fields);
        if (!may_hold && !may_limit) [[likely]]
            return;
        const auto at = now ? *now : std::chrono::system_clock::now();
        if (may_hold)
            said_.retry_after = retry_after(fields, at);
        if (may_limit)
            for (const quota& q : read_ratelimit_fields(fields, at, unit).quotas)
                limits_.push_back({q.unit, q.limit, q.window, q.remaining, q.reset});
        said_.limits = limits_;
    }
    told(const told&) = delete;
    told& operator=(const told&) = delete;

    /// **Lifetime.** Its limits are this object's.
    [[nodiscard]] const feedback& said() const noexcept { return said_; }

private:
    std::vector<told_limit> limits_;
    feedback said_;
};

}  // namespace weir::http
