// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/store_abilities.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// How many requests of a key may be sent again in any ten seconds. All processes that share a store share it.
struct retry_share {
    /// Of the first attempts in these ten seconds, in percent; 0 = none of them.
    std::int64_t percent = 10;
    /// Besides, so that a key with few requests has a retry too.
    std::int64_t allowance = 1;
};

/// What a request may be sent again by.
enum class retry_grant : std::uint8_t {
    none,      ///< nothing: it must not be sent again
    budget,    ///< a unit of the budget
    returned,  ///< the server refused it before it did anything, and answers enough others: no unit
};

namespace detail {

/// Counts of the last ten seconds, by second.
template <std::size_t Kinds>
class recent_counts {
public:
    void add(std::size_t kind, instant now) noexcept { ++second(now).of[kind]; }
    [[nodiscard]] std::int64_t sum(std::size_t kind, instant now) const noexcept {
        std::int64_t out = 0;
        for (const bucket& b : all_)
            if (b.number > number_of(now) - length)
                out += b.of[kind];
        return out;
    }
    void clear(std::size_t kind) noexcept {
        for (bucket& b : all_)
            b.of[kind] = 0;
    }

private:
    static constexpr std::int64_t length = 10;
    struct bucket {
        std::int64_t number = INT64_MIN / 2;
        std::array<std::int64_t, Kinds> of{};
    };
    [[nodiscard]] static std::int64_t number_of(instant now) noexcept {
        return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    }
    [[nodiscard]] bucket& second(instant now) noexcept {
        const std::int64_t number = number_of(now);
        bucket& b = all_[static_cast<std::size_t>((number % length + length) % length)];
        if (b.number != number)
            b = {number, {}};
        return b;
    }

    std::array<bucket, length> all_;
};

}  // namespace detail

/// The retries of each key, counted in the store: in any ten seconds at most a share of the first attempts of all
/// processes, and an allowance.
///
/// The store has two logs for it beside the key's own: of first attempts and of retries, under roles of their own. A
/// retry is admitted by a window whose limit follows from the first attempts. That is one atomic verb, so processes
/// cannot take the same unit. First attempts are counted in this process, and are written to the store when a retry is
/// wanted. So a request that needs no retry costs no round trip.
///
/// **Thread safety.** All members. **Lifetime.** The store must outlive it. **Complexity.** `count_first` is one
/// look-up; `take` is up to three round trips to a shared store.
template <store Store>
class retry_budget {
public:
    /// The length of the window, and how long this process keeps what it has counted.
    static constexpr duration period = std::chrono::seconds{10};

    explicit retry_budget(Store& where) : store_(&where) {}

    /// Counts a request that was sent for the first time. `is_good`: the server answered it, and not with a failure.
    void count_first(std::string_view host, std::string_view role, bool is_good, instant now) {
        const auto at = find(host, role, now);
        const std::lock_guard guard{at->mutex};
        at->recent.add(new_firsts, now);
        if (is_good)
            at->recent.add(good, now);
    }

    /// Takes what a request needs to be sent again. If it `was_refused`, it is free as long as the key's good answers
    /// in this process are more than its free returns.
    ///
    /// **Errors.** None: if the store fails there is no retry.
    [[nodiscard]] retry_grant take(std::string_view host, std::string_view role, const retry_share& share,
                                   bool was_refused, instant now) {
        const auto at = find(host, role, now);
        const std::lock_guard guard{at->mutex};
        if (was_refused && at->recent.sum(returned, now) < at->recent.sum(good, now)) {
            at->recent.add(returned, now);
            return retry_grant::returned;
        }
        if (now < at->silent_until)
            return retry_grant::none;
        try {
            if (take_unit(*at, share, now))
                return retry_grant::budget;
        } catch (const store_error&) {
            // The other processes are not known, so nothing may be added to what they send.
        }
        // A server that fails makes every request ask. The store need not be asked for each of them.
        at->silent_until = saturating_add(now, pause_after_denial);
        return retry_grant::none;
    }

    /// How many keys it knows. Those that were not used for a minute are forgotten from time to time.
    [[nodiscard]] std::size_t size() {
        const std::lock_guard guard{mutex_};
        return keys_.size();
    }

private:
    enum kind : std::size_t { new_firsts, good, returned };
    static constexpr duration pause_after_denial = std::chrono::milliseconds{100};
    static constexpr std::size_t few_keys = 256;

    struct key_budget {
        key_budget(Store& in, std::string_view host, std::string_view role)
            : firsts(in.make_slot(host, std::string{role} + " first")),
              retries(in.make_slot(host, std::string{role} + " retry")) {}

        // Held during a call to the store: a slot is for one verb at a time. Requests of the key that end then wait.
        std::mutex mutex;
        typename Store::slot firsts;
        typename Store::slot retries;
        detail::recent_counts<3> recent;
        instant silent_until = long_ago;
        instant used = long_ago;  // guarded by the mutex of all keys
    };

    [[nodiscard]] std::shared_ptr<key_budget> find(std::string_view host, std::string_view role, instant now) {
        std::string name;
        name.reserve(host.size() + role.size() + 1);
        name.append(host).append(1, ' ').append(role);
        const std::lock_guard guard{mutex_};
        auto found = keys_.find(name);
        if (found == keys_.end()) {
            if (keys_.size() >= sweep_at_) {
                std::erase_if(keys_, [&](const auto& k) { return k.second->used < now - 6 * period; });
                sweep_at_ = std::max(few_keys, 2 * keys_.size());
            }
            found = keys_.emplace(std::move(name), std::make_shared<key_budget>(*store_, host, role)).first;
        }
        found->second->used = now;
        return found->second;
    }

    [[nodiscard]] bool take_unit(key_budget& at, const retry_share& share, instant now) {
        if (const std::int64_t fresh = at.recent.sum(new_firsts, now); fresh > 0) {
            // First: what is not written has no effect, and what would be written twice would.
            at.recent.clear(new_firsts);
            static_cast<void>(detail::count_units(*store_, at.firsts, unbounded(), fresh, now));
        }
        const std::int64_t firsts = store_->read(at.firsts, unbounded(), store_->now()).windows.front().used;
        const std::int64_t limit =
            std::min(firsts / 100 * share.percent + firsts % 100 * share.percent / 100 + share.allowance, max_exact);
        return limit > 0 && detail::count_units(*store_, at.retries, plan_of(limit), 1, store_->now()).admits();
    }
    [[nodiscard]] static window_plan plan_of(std::int64_t limit) {
        policy p;
        p.rates = {rate{limit, period}};
        p.count_from = counting::admission;
        window_plan out = plan_windows(p);
        out.kept.exact = static_cast<std::size_t>(max_exact);  // the limit changes, and the log must not forget by it
        return out;
    }
    /// A plan that only counts.
    [[nodiscard]] static const window_plan& unbounded() {
        static const window_plan out = [] {
            policy p;
            p.rates = {rate{rate::max, period}};
            p.count_from = counting::admission;
            return plan_windows(p);
        }();
        return out;
    }

    Store* store_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<key_budget>, std::less<>> keys_;
    std::size_t sweep_at_ = few_keys;
};

}  // namespace weir
