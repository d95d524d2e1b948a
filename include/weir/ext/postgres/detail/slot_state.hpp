// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/sql_texts.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/reaping.hpp"
#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::postgres::detail {

/// What this process keeps of a key.
///
/// **Thread safety.** All members except `tuner` and `reaped`, which only one verb uses at a time.
struct slot_state {
    slot_state(std::string_view h, std::string_view r, std::size_t home) : host(h), role(r), route{home} {}

    const std::string host;
    const std::string role;
    remote::key_route route;
    std::atomic<std::int64_t> id{0};           ///< its number on the server; 0 = not known
    std::atomic<std::uint64_t> generation{0};  ///< of the connections that gave `id`
    std::atomic<std::int64_t> held{0};         ///< entries of this process that have not ended
    std::atomic<std::int64_t> factor{multiplier::one};
    remote::reap_memory reaped;  ///< used by one verb at a time, as `tuner`
    remote::tuner_record tuner;  ///< the server's present or earlier record

    /// Records that the key's time on the server was `t`, after the call began here at `asked`.
    void heard(std::int64_t t, instant asked) noexcept { ahead_.store(t - asked.time_since_epoch().count()); }
    /// How far the key's time on the server is ahead of this process's; nothing before the first reply.
    [[nodiscard]] std::optional<duration> ahead() const noexcept {
        const std::int64_t by = ahead_.load();
        return by == unknown ? std::nullopt : std::optional{duration{by}};
    }

    /// Leaves the end of a stamped entry, which matters only to a ceiling, for the next settlement of the key. False:
    /// so many are left that this one must be sent alone.
    [[nodiscard]] bool leave_ended(std::int64_t entry) {
        const std::lock_guard guard{mutex_};
        if (ended_.size() >= max_ended)
            return false;
        ended_.push_back(entry);
        return true;
    }
    [[nodiscard]] std::vector<std::int64_t> take_ended() {
        const std::lock_guard guard{mutex_};
        return std::exchange(ended_, {});
    }

    /// Remembers an entry that may have been made and will not be used, while the key's number is not known. If there
    /// is no room, the entry expires.
    void leave_lost(std::int64_t entry) {
        const std::lock_guard guard{mutex_};
        if (lost_.size() < max_lost)
            lost_.push_back(entry);
        has_lost_.store(true);
    }
    [[nodiscard]] std::vector<std::int64_t> take_lost() {
        if (!has_lost_.load())
            return {};
        const std::lock_guard guard{mutex_};
        has_lost_.store(false);
        return std::exchange(lost_, {});
    }

private:
    static constexpr std::size_t max_ended = 8;
    static constexpr std::size_t max_lost = 64;
    std::mutex mutex_;
    std::vector<std::int64_t> ended_;
    std::vector<std::int64_t> lost_;
    std::atomic<bool> has_lost_{false};
    static constexpr std::int64_t unknown = INT64_MIN;
    std::atomic<std::int64_t> ahead_{unknown};
};

/// A settlement in progress. A settlement that names an entry may be sent twice: the second time changes nothing.
struct settlement_call {
    std::shared_ptr<slot_state> key;
    std::int64_t id = 0;     ///< the key's number
    std::int64_t entry = 0;  ///< or the stamp, for `refund_stamp`
    settle_verb how{};
    std::int64_t argument = 0;  ///< the units; for `abandoned` the grace in ns
    instant at{};               ///< when it was made, on this process's clock
    std::int64_t kept = 0;
    std::int64_t longest = 0;
    std::vector<std::int64_t> ended{};  ///< stamped entries of the key that have ended too

    [[nodiscard]] remote::key_route& route() const noexcept { return key->route; }
};

}  // namespace weir::postgres::detail
