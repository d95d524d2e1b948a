// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/epoch.hpp"
#include "weir/ext/redis/detail/primary.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_notice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace weir::redis::detail {

/// Detects that the server lost its data, or a part of it. The server contains a record, the epoch. As long as nothing
/// was lost, every process finds the same epoch. An epoch with another id, or with the time of a loss, shows a loss. In
/// a Cluster each primary server has its own.
///
/// **Thread safety.** All members may be called from any thread.
class loss_watch {
public:
    /// `where` says its address, for messages.
    loss_watch(const primary* where, notice_board* notices) : where_(*where), notices_(*notices) {}

    /// An id for a new epoch.
    [[nodiscard]] std::string fresh_epoch() {
        const std::lock_guard guard{mutex_};
        return fmt::format("{:016x}{:016x}", random_(), random_());
    }
    /// What was found last.
    [[nodiscard]] last_look last() {
        const std::lock_guard guard{mutex_};
        return last_;
    }
    /// Compares the epoch that the server has at `key`, at `now` by its clock, and checks its settings. `reason` is
    /// empty if another process found the loss.
    void compare(const epoch_record& e, const std::string& key, std::int64_t now, const server_facts& facts,
                 std::string_view reason) {
        const std::lock_guard guard{mutex_};
        if (facts.are_known && facts.eviction_policy != "noeviction" && !facts.eviction_policy.empty() &&
            policy_ != facts.eviction_policy)
            notices_.put({store_notice::kind::warning,
                          fmt::format("redis: maxmemory-policy at {} is {}, which may delete what was admitted; set "
                                      "noeviction",
                                      where_.text(), facts.eviction_policy)});
        policy_ = facts.eviction_policy;
        if (!facts.are_known && !std::exchange(asked_for_info_, true))
            notices_.put(
                {store_notice::kind::warning,
                 fmt::format("redis: the user at {} may not use INFO: a restart from a snapshot, a replica that "
                             "takes over and evictions are not seen; give it the command INFO",
                             where_.text())});
        // An epoch that another process made in another hash slot shows no loss if the server has all.
        const bool only_moved = last_.key != key && last_.has_all(facts) && e.lost <= checked_at();
        const bool is_first = last_.record.id.empty();
        const bool is_other = !is_first && last_.record.id != e.id && !only_moved;
        instant lost = long_ago;
        if (is_other)
            lost = steady_clock{}.now();
        else if (is_first && e.lost > 0)
            lost = steady_clock{}.now() - std::chrono::microseconds{std::clamp<std::int64_t>(now - e.lost, 0, a_year)};
        last_ = {e, key, facts.run_id, facts.evicted, facts.flushes};
        checked_at_.store(now, std::memory_order_relaxed);
        evicted_at_.store(e.evicted_at, std::memory_order_relaxed);
        if (lost == long_ago)
            return;
        // After a loss before its first connection this process waits too, but it has not seen that loss.
        if (is_other)
            losses_.fetch_add(1, std::memory_order_relaxed);
        lost_at_.store(lost, std::memory_order_release);
        if (is_other || lost > steady_clock{}.now() - std::chrono::minutes{10})
            notices_.put(
                {store_notice::kind::history_lost,
                 fmt::format("redis: {} has lost history: {}; {}keys warm up for their shortest window", where_.text(),
                             reason.empty() ? std::string_view{"another process found it"} : reason,
                             where_.is_node() ? "its " : "")});
    }
    /// The history of one key is gone. Other keys may still have theirs.
    void lost_key(std::string_view what) {
        notices_.put(
            {store_notice::kind::history_lost,
             fmt::format("redis: {} has lost history: {}; it warms up for its shortest window", where_.text(), what)});
    }

    /// When a loss was last seen; `long_ago` if there was none.
    [[nodiscard]] instant lost_at() const noexcept { return lost_at_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t losses() const noexcept { return losses_.load(std::memory_order_relaxed); }
    /// When the epoch was last read, by the server's clock.
    [[nodiscard]] std::int64_t checked_at() const noexcept { return checked_at_.load(std::memory_order_relaxed); }
    /// When the server was last seen to have evicted keys, by its clock; 0 = never.
    [[nodiscard]] std::int64_t evicted_at() const noexcept { return evicted_at_.load(std::memory_order_relaxed); }
    [[nodiscard]] notice_board& notices() noexcept { return notices_; }

private:
    static constexpr std::int64_t a_year = 366LL * 86'400 * 1'000'000;

    const primary& where_;
    notice_board& notices_;
    std::mutex mutex_;
    std::mt19937_64 random_{std::random_device{}()};
    last_look last_;
    std::string policy_;
    bool asked_for_info_ = false;
    std::atomic<instant> lost_at_ = long_ago;
    std::atomic<std::uint64_t> losses_ = 0;
    std::atomic<std::int64_t> checked_at_ = 0;
    std::atomic<std::int64_t> evicted_at_ = 0;
};

}  // namespace weir::redis::detail
