// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>

namespace weir {

/// The exception of `acquire` when a request was not granted: which key was refused, why, and when to come back.
class refused : public exception {
public:
    refused(weir::key who, const weir::decision& why, instant now)
        : exception({why.outcome == outcome::cancelled ? errc::cancelled : errc::refused, sentence(who, why, now)}),
          who_(std::move(who)), decision_(why),
          retry_after_(why.retry_at > now ? why.retry_at - now : duration::zero()) {}

    [[nodiscard]] const weir::key& key() const noexcept { return who_; }
    [[nodiscard]] const weir::decision& decision() const noexcept { return decision_; }
    /// The shortest time after the refusal at which it could have been admitted; 0 if only an answer or a release makes
    /// room.
    [[nodiscard]] duration retry_after() const noexcept { return retry_after_; }

private:
    static std::string sentence(const weir::key& who, const weir::decision& why, instant now) {
        using std::chrono::duration_cast, std::chrono::milliseconds;
        const std::string limit = why.limit ? fmt::format(" {}", to_string(*why.limit)) : std::string{};
        const auto waited = duration_cast<milliseconds>(why.waited).count();
        if (why.outcome == outcome::cancelled)
            return fmt::format("{}/{}: cancelled after {} ms", who.host, who.role, waited);
        if (why.outcome == outcome::never)
            return fmt::format(
                "{}/{}: its cost is above the limit{}; no waiting helps: lower the cost or raise the limit", who.host,
                who.role, limit);
        if (why.cause == cause::closed)
            return fmt::format("{}/{}: the registry is closed and takes no new request", who.host, who.role);
        const auto wait = why.retry_at > now ? duration_cast<milliseconds>(why.retry_at - now).count() : 0;
        return fmt::format("{}/{}: refused by {}{} after {} ms; {}", who.host, who.role, to_string(why.cause), limit,
                           waited,
                           wait > 0 ? fmt::format("retry in {} ms at the earliest, or allow a longer max_delay{}", wait,
                                                  why.cause == cause::gate ? " and max_hold" : "")
                                    : std::string{"retry when a request in flight has ended"});
    }

    weir::key who_;
    weir::decision decision_;
    duration retry_after_;
};

}  // namespace weir
