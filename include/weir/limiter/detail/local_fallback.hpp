// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_rules.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace weir::detail {

/// Decides about a key of a shared store while the store cannot be reached: a log in this process, at the policy's
/// share.
///
/// **Thread safety.** Every member needs the key's lock.
class local_fallback {
public:
    /// The store has just failed: it is not called again before `until`.
    void begin(instant until, std::string error) noexcept {
        until_ = until;
        error_ = std::move(error);
    }
    /// The store answers again. The entries made here are kept.
    void end() noexcept { until_ = long_ago; }

    /// Whether the last call of the store failed.
    [[nodiscard]] bool is_active() const noexcept { return until_ > long_ago; }
    [[nodiscard]] instant until() const noexcept { return until_; }
    /// The text of the store's last error.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    /// Adapts its windows to the rules of the key.
    void set_rules(const std::shared_ptr<const key_rules>& rules, multiplier factor, std::int64_t processes) {
        if (rules == rules_ && processes == processes_)
            return;
        plan_ = plan_windows(local_policy(rules->policy, processes), factor);
        rules_ = rules;
        processes_ = processes;
    }

    [[nodiscard]] assessment admit(std::int64_t cost, instant now, entry& out) {
        return store_.admit(log_, plan_, cost, now, detail::free_inflight{}, out);
    }
    /// What stands in the way of `cost` units. Nothing changes.
    [[nodiscard]] assessment assess(std::int64_t cost, instant now) const {
        return store_.assess_behind(log_, plan_, cost, now, none_ahead{});
    }
    [[nodiscard]] assessment count(std::int64_t cost, instant now) { return store_.count(log_, plan_, cost, now); }
    void settle(entry& e, settlement how, instant now) { store_.settle(log_, plan_, e, how, now); }
    [[nodiscard]] bool idle(instant now) const { return store_.idle(log_, plan_, now); }

private:
    memory_store<> store_;  // its verbs get the time as a parameter
    key_state log_;
    window_plan plan_;
    std::shared_ptr<const key_rules> rules_;
    std::int64_t processes_ = 0;
    instant until_ = long_ago;
    std::string error_;
};

}  // namespace weir::detail
