// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/answer_reader.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/ratelimit_fields.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/observe/feedback.hpp"

#include <chrono>
#include <iterator>
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
        feedback_.refused = says_refused(fields);
        const bool may_hold = (status == 0 || may_retry_after(status) || feedback_.refused) && has_retry_after(fields);
        const bool may_limit = may_tell_quotas(fields);
        if (!may_hold && !may_limit) [[likely]]
            return;
        const auto at = now ? *now : std::chrono::system_clock::now();
        if (may_hold) {
            feedback_.retry_after = retry_after(fields, at);
            if (!feedback_.retry_after)
                dropped_.emplace_back("Retry-After ignored: it is neither a time nor a date");
        }
        if (may_limit)
            keep(read_ratelimit_fields(fields, at, unit));
        feedback_.dropped = dropped_;
    }
    response_feedback(const response_feedback&) = delete;
    response_feedback& operator=(const response_feedback&) = delete;

    /// What was read. **Lifetime.** Until this object ends: it owns the limits.
    [[nodiscard]] const feedback& said() const noexcept { return feedback_; }

    /// Adds what a service says in its own way: see `answer_reading`. A time makes the pause longer, never shorter.
    void add(answer_reading&& more) {
        feedback_.refused = feedback_.refused || more.refused;
        if (more.retry_after && (!feedback_.retry_after || *more.retry_after > *feedback_.retry_after))
            feedback_.retry_after = more.retry_after;
        keep({std::move(more.quotas), std::move(more.dropped)});
        feedback_.dropped = dropped_;
    }

private:
    void keep(quota_reading&& read) {
        quotas_.insert(quotas_.end(), std::make_move_iterator(read.quotas.begin()),
                       std::make_move_iterator(read.quotas.end()));
        names_.clear();
        limits_.clear();
        names_.reserve(quotas_.size());  // the limits have views of them
        for (const quota& q : quotas_) {
            limits_.push_back(q.reported);
            limits_.back().of = names_.emplace_back(names_of(q));
        }
        dropped_.insert(dropped_.end(), std::make_move_iterator(read.dropped.begin()),
                        std::make_move_iterator(read.dropped.end()));
        feedback_.limits = limits_;
    }
    /// Whether a field says that the request was refused although the status is a success, as MediaWiki does.
    [[nodiscard]] static bool says_refused(const headers& fields) {
        const auto why = fields.first("MediaWiki-API-Error");
        return why && (*why == "maxlag" || *why == "ratelimited");
    }

    std::vector<quota> quotas_;
    std::vector<reported_limit> limits_;
    std::vector<std::string> names_;
    std::vector<std::string> dropped_;
    feedback feedback_;
};

}  // namespace weir::http
