// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/ratelimit_fields.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/limiter/feedback.hpp"

#include <chrono>
#include <vector>

namespace weir::http {

/// What a response's status and fields say about the limit, for `permit::arrived`.
///
/// `Retry-After` is read where the status lets it be about the limit (`may_retry_after`), the RateLimit fields on any
/// response. `unit` says how a `Reset` without a standard counts.
///
/// **Complexity.** One walk over the fields where none of them tells of a limit, and nothing is allocated.
class told {
public:
    told(int status, const headers& fields, std::chrono::system_clock::time_point now,
         reset_unit unit = reset_unit::guessed) {
        said_.status = status;
        if (status == 0 || may_retry_after(status))
            said_.retry_after = retry_after(fields, now);
        for (const quota& q : read_ratelimit_fields(fields, now, unit).quotas)
            limits_.push_back({unit_of(q.unit), q.limit, q.window, q.remaining, q.reset});
        said_.limits = limits_;
    }
    told(const told&) = delete;
    told& operator=(const told&) = delete;

    /// **Lifetime.** Its limits are this object's.
    [[nodiscard]] const feedback& said() const noexcept { return said_; }

private:
    static constexpr limit_unit unit_of(quota_unit u) noexcept {
        switch (u) {
        case quota_unit::content_bytes:
            return limit_unit::content_bytes;
        case quota_unit::concurrent_requests:
            return limit_unit::concurrent_requests;
        case quota_unit::requests:
            break;
        }
        return limit_unit::requests;
    }

    std::vector<told_limit> limits_;
    feedback said_;
};

}  // namespace weir::http
