// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/detail/shard.hpp"
#include "weir/ext/redis/detail/slot_state.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

/// Detects that the history of a key is gone, by the key's head and by what is known of its server. Such a key warms
/// up.
///
/// **Thread safety.** All members may be called from any thread. Only one verb at a time uses a key.
class key_losses {
public:
    key_losses(const redis_options* options, time_scale* time) : options_(*options), time_(*time) {}

    /// Denies until the key's shortest window has passed since a loss of history was seen.
    [[nodiscard]] assessment warming(const shard& at, const slot_state& key, const window_plan& plan, std::int64_t cost,
                                     instant now) const {
        const instant lost = std::max(key.lost_at, at.losses.lost_at());
        if (lost == long_ago || time_.is_injected() || options_.on_lost_history == lost_history::ignore)
            return {now, cause::none, 0};
        return warm_up(plan, cost, lost, now);
    }

    /// Keeps the data of a head that the next call on its key needs, and checks that it is the same head.
    void remember(shard& at, session& session, slot_state& key, const admitted& head, double span) {
        const double born = head.is_whole ? head.born : key.born;
        if (head.is_whole)
            key.factor = factor_of(head.factor);
        if (!time_.is_injected() && key.remembers(head, born)) [[unlikely]]
            lose(at, session, key, time_.now(), true);
        else if (!time_.is_injected() && key.born == 0) [[unlikely]]
            meet(at, session, key, head, span);
        key.born = born;
        key.version = head.version;
        key.has_credit = head.has_credit;
        key.lives = head.lives;
    }

    /// How many keys were lost.
    [[nodiscard]] std::uint64_t count() const noexcept { return lost_keys_.load(std::memory_order_relaxed); }

private:
    void lose(shard& server, session& session, slot_state& key, instant at, bool looks) {
        lost_keys_.fetch_add(1, std::memory_order_relaxed);
        key.lost_at = at;
        const std::uint64_t before = server.losses.losses();
        if (looks)
            look_anew(session);  // finds out whether the server lost everything, or only this key
        if (server.losses.losses() == before)
            server.losses.lost_key("a key is gone or older than it was, deleted or evicted");
    }
    /// The first use of a key. If its head is newer than the last look at the epoch, a loss may have come between them.
    void meet(shard& server, session& session, slot_state& key, const admitted& head, double span) {
        if (head.born > static_cast<double>(server.losses.checked_at()))
            look_anew(session);
        if (const auto at = static_cast<double>(server.losses.evicted_at()); at > 0 && at + span > head.t)
            lose(server, session, key, time_.local(std::min(head.born, head.t), head.t, time_.now()), false);
    }
    static void look_anew(session& session) {
        try {
            session.renew_epoch();
        } catch (const store_error&) {
            // The next connection compares the epoch too.
        }
    }

    const redis_options& options_;
    time_scale& time_;
    std::atomic<std::uint64_t> lost_keys_ = 0;
};

}  // namespace weir::redis::detail
