// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/ratelimit_fields.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/observe/feedback.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace weir::http {

/// Reads what the status and the fields of a response say about limits, for `permit::arrived`.
///
/// `Retry-After` is read if it can concern a limit at this status (`may_retry_after`). The RateLimit fields are read on
/// any response. `now` is when the response arrived; if it is absent, the system's clock is read, and only if a field
/// needs it. `unit` says what the number in a non-standard `Reset` field means.
///
/// **Complexity.** One walk over the fields and no allocation if none of them concerns a limit.
class response_feedback {
public:
    response_feedback(int status, const headers& fields, std::optional<std::chrono::system_clock::time_point> now = {},
                      reset_unit unit = reset_unit::guessed) {
        feedback_.status = status;
        const bool may_hold = status == 0 || may_retry_after(status);
        const bool may_limit = may_tell_quotas(fields);
        if (!may_hold && !may_limit) [[likely]]
            return;
        const auto at = now ? *now : std::chrono::system_clock::now();
        if (may_hold)
            feedback_.retry_after = retry_after(fields, at);
        if (may_limit)
            for (const quota& q : read_ratelimit_fields(fields, at, unit).quotas)
                limits_.push_back(q.reported);
        feedback_.limits = limits_;
    }
    response_feedback(const response_feedback&) = delete;
    response_feedback& operator=(const response_feedback&) = delete;

    /// What was read. **Lifetime.** Until this object ends: it owns the limits.
    [[nodiscard]] const feedback& said() const noexcept { return feedback_; }

private:
    std::vector<reported_limit> limits_;
    feedback feedback_;
};

}  // namespace weir::http
