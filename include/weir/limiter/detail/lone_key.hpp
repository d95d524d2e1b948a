// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_queue.hpp"

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

/// What decides on a key of a shared store while that cannot be reached: a log in this process.
///
/// **Thread safety.** Every member needs the key's lock.
class lone_key {
public:
    /// The store has just failed: it is not asked again before `until`.
    void begin(instant until, std::string trouble) {
        until_ = until;
        trouble_ = std::move(trouble);
    }
    /// The store answers again. What was entered here stays here.
    void end() noexcept { until_ = long_ago; }

    /// Whether the store failed when it was asked last.
    [[nodiscard]] bool decides() const noexcept { return until_ > long_ago; }
    [[nodiscard]] instant until() const noexcept { return until_; }
    /// What the store said last.
    [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

    /// Brings its windows in line with the rules in force.
    void govern(const std::shared_ptr<const governed>& rules, multiplier factor) {
        if (rules == rules_)
            return;
        rules_ = rules;
        plan_ = plan_windows(alone(rules->policy), factor);
    }

    template <class Place>
    [[nodiscard]] forecast admit(std::int64_t cost, instant now, Place& place, entry& out) {
        return store_.admit(log_, plan_, cost, now, place, out);
    }
    [[nodiscard]] forecast count(std::int64_t cost, instant now) { return store_.count(log_, plan_, cost, now); }
    void settle(entry& e, settlement how, instant now) { store_.settle(log_, plan_, e, how, now); }
    [[nodiscard]] bool hold(instant until) { return store_.hold(log_, until); }
    [[nodiscard]] bool idle(instant now) const { return store_.idle(log_, plan_, now); }

private:
    memory_store<> store_;  // its verbs are given the time
    key_state log_;
    window_plan plan_;
    std::shared_ptr<const governed> rules_;
    instant until_ = long_ago;
    std::string trouble_;
};

}  // namespace weir::detail
