// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_rules.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace weir::detail {

/// Units of a key that this process took from a shared store in one round trip, and gives to its requests one by one.
///
/// In the store a lease is one open entry. It counts from when it was taken until T after it was given back. It is
/// given back after every request that took units from it was answered, so the limit holds whenever the units are used.
///
/// **Thread safety.** Every member needs the key's lock.
class lease_book {
public:
    /// How long requests may take units from a lease. For this time, other processes cannot use the rest of it, and
    /// this process does not see what others have changed in the store.
    static constexpr duration lease_time = std::chrono::milliseconds{100};

    /// Adapts the size of leases to the active rules. Leases that were taken under other rules are not used any more.
    void set_rules(const std::shared_ptr<const key_rules>& rules) noexcept {
        if (rules == rules_)
            return;
        rules_ = rules;
        close();
        max_ = rules->plan.enforce && rules->plan.max_concurrent == 0 ? rules->policy.lease : 1;
        // More than half of a window would hardly ever be free at once.
        for (const window& w : rules->plan.windows)
            max_ = std::min(max_, w.limit / 2);
        next_ = 1;
        plan_.reset();
        if (max_ > 1) {
            try {
                auto plan = std::make_shared<window_plan>(rules->plan);
                plan->from_response = true;
                plan_ = std::move(plan);
            } catch (const std::bad_alloc&) {
                max_ = 1;  // without leases the store decides every request by itself
            }
        }
    }
    /// The windows under which a lease is taken. It is an open entry, wherever the requests count from. Null if no
    /// lease is taken.
    [[nodiscard]] const std::shared_ptr<const window_plan>& plan() const noexcept { return plan_; }

    // ---- taking

    /// How many units a request of `cost` units takes from the store. More than `cost` is a lease, and the request uses
    /// part of it.
    [[nodiscard]] std::int64_t wanted(std::int64_t cost, instant now) const noexcept {
        return cost > 0 && now >= no_lease_until_ ? std::max(cost, std::min(next_, max_)) : cost;
    }
    /// Makes room for one more lease; false if there is no memory.
    [[nodiscard]] bool make_room() noexcept {
        try {
            leases_.reserve(std::max<std::size_t>(4, leases_.size() + 1));
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }
    /// The store admitted the lease: the next one may be twice as large.
    void add(entry taken, instant now) {
        next_ = std::min(2 * std::max(next_, taken.cost), max_);
        leases_.push_back({taken, ++last_, taken.cost, 0, saturating_add(now, lease_time)});
    }
    /// A request was decided by itself. If it was granted, the next request may take a lease. If not, or if a lease was
    /// not granted, no lease is taken for a while.
    void record_single(bool is_granted, instant now) noexcept {
        if (is_granted) {
            next_ = std::min(2 * next_, max_);
            return;
        }
        next_ = 1;
        no_lease_until_ = saturating_add(now, lease_time);
    }

    // ---- handing out

    [[nodiscard]] bool has(std::int64_t cost, instant now) const noexcept {
        return cost > 0 && std::ranges::any_of(leases_, [&](const lease& l) { return l.can_give(cost, now); });
    }
    /// **Preconditions.** `has(cost, now)`.
    void draw(std::int64_t cost, instant now, entry& out) {
        lease& l = *std::ranges::find_if(leases_, [&](const lease& it) { return it.can_give(cost, now); });
        l.left -= cost;
        const bool from_response = rules_->plan.from_response;
        if (from_response)
            l.unanswered += cost;
        out = {cost, now, from_response ? entry_state::open : entry_state::stamped, true, entry_home::lease, l.number};
    }
    /// A request that used a lease was answered, has ended, or was never sent.
    void settle(entry& e, settlement how, instant now) noexcept {
        const auto l = std::ranges::find(leases_, e.id, &lease::number);
        if (l != leases_.end()) {
            if (how == settlement::refunded)
                l->left += e.cost;
            if (e.state == entry_state::open) {
                l->unanswered -= e.cost;
                if (how == settlement::abandoned)
                    l->counts_until = std::max(l->counts_until, saturating_add(now, e.grace));
            }
        }
        if (how != settlement::answered) {
            e = {};
        } else if (e.state == entry_state::open) {
            e.state = entry_state::stamped;
            e.stamp = now;
        }
    }

    // ---- giving back

    /// No more units are taken from the present lease.
    void close() noexcept {
        for (lease& l : leases_)
            l.ends = long_ago;
    }
    /// A lease that is over and was removed from the book.
    struct finished_lease {
        entry units;
        std::int64_t unused;
        instant counts_until;  // for the abandoned requests that used it

        /// Settles it in the store; throws what the store throws.
        template <class Store>
        void give_back(Store& store, typename Store::slot& slot, const window_plan& plan, instant now) {
            const bool is_used = unused < units.cost;
            if constexpr (reducible_store<Store>)
                if (is_used && unused > 0)
                    store.reduce(slot, plan, units, units.cost - unused, now);
            units.grace = std::max(duration{}, counts_until - now);
            store.settle(slot, plan, units,
                         !is_used                         ? settlement::refunded
                         : units.grace > duration::zero() ? settlement::abandoned
                                                          : settlement::released,
                         now);
        }
    };
    [[nodiscard]] std::optional<finished_lease> take_finished(instant now) {
        const auto l = std::ranges::find_if(leases_, [&](const lease& it) { return it.is_finished(now); });
        if (l == leases_.end())
            return std::nullopt;
        const finished_lease out{l->units, l->left, l->counts_until};
        leases_.erase(l);
        return out;
    }
    /// When the next lease ends by time alone; `far_future` if only an answer can end one.
    [[nodiscard]] instant next_end() const noexcept {
        instant first = far_future;
        for (const lease& l : leases_)
            if (l.unanswered == 0)
                first = std::min(first, l.ends);
        return first;
    }
    [[nodiscard]] bool empty() const noexcept { return leases_.empty(); }

private:
    struct lease {
        entry units;
        std::uint64_t number;
        std::int64_t left;
        std::int64_t unanswered;
        instant ends;
        instant counts_until = long_ago;

        [[nodiscard]] bool can_give(std::int64_t cost, instant now) const noexcept {
            return left >= cost && now < ends;
        }
        [[nodiscard]] bool is_finished(instant now) const noexcept {
            return unanswered == 0 && (left == 0 || ends <= now);
        }
    };

    std::shared_ptr<const key_rules> rules_;
    std::shared_ptr<const window_plan> plan_;
    std::vector<lease> leases_;  // few: the one in use, and those with requests in flight
    std::int64_t max_ = 1;
    std::int64_t next_ = 1;
    instant no_lease_until_ = long_ago;
    std::uint64_t last_ = 0;
};

}  // namespace weir::detail
