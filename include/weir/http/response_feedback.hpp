// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/ratelimit_fields.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/observe/feedback.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
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
        const bool may_hold = (status == 0 || may_retry_after(status)) && has_retry_after(fields);
        const bool may_limit = may_tell_quotas(fields);
        if (!may_hold && !may_limit) [[likely]]
            return;
        const auto at = now ? *now : std::chrono::system_clock::now();
        if (may_hold)
            feedback_.retry_after = retry_after(fields, at);
        if (may_limit)
            keep(read_ratelimit_fields(fields, at, unit));
    }
    response_feedback(const response_feedback&) = delete;
    response_feedback& operator=(const response_feedback&) = delete;

    /// What was read. **Lifetime.** Until this object ends: it owns the limits.
    [[nodiscard]] const feedback& said() const noexcept { return feedback_; }

private:
    void keep(quota_reading&& read) {
        limits_.reserve(read.quotas.size());
        names_.reserve(read.quotas.size());  // the limits have views of them
        for (const quota& q : read.quotas) {
            limits_.push_back(q.reported);
            limits_.back().of = names_.emplace_back(names_of(q));
        }
        feedback_.limits = limits_;
    }

    std::vector<reported_limit> limits_;
    std::vector<std::string> names_;
    feedback feedback_;
};

}  // namespace weir::http
