// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/slot_state.hpp"
#include "weir/ext/redis/detail/time_scale.hpp"
#include "weir/ext/redis/detail/topology.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/entry.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace weir::redis::detail {

/// Posts what became of entries.
///
/// An answer leaves at once, unless the key is hot (`remote::key_heat`). Then it becomes part of the next call on the
/// key, which saves a message. Such a note is late, but its time is the time of the answer; until it arrives the entry
/// is open, so nothing is admitted early.
///
/// **Thread safety.** All members may be called from any thread.
class note_sender {
public:
    note_sender(topology* servers, time_scale* time) : servers_(*servers), time_(*time) {}

    /// The time of a note: not before the server's present time.
    [[nodiscard]] double time_of(const slot_state& key, instant now) const noexcept {
        return time_.is_injected() ? time_.argument(now) : servers_.of(key.address).clock.at_max();
    }

    void settle(const std::shared_ptr<slot_state>& key, const window_plan& plan, const entry& e, settlement how,
                instant now) {
        double at = time_of(*key, now);
        if (is_over(*key, at))
            return;
        const bool is_stamped = e.state == entry_state::stamped;
        auto kind = static_cast<note_kind>(how);
        if (how == settlement::abandoned) {
            kind = is_stamped ? note_kind::released : note_kind::abandoned;
            at += is_stamped ? 0 : time_.span(std::max(e.grace, duration::zero()));
        }
        // Under a ceiling other processes wait for this settlement. Without one, the end of a stamped entry changes
        // nothing.
        const bool has_ceiling = plan.max_concurrent > 0;
        const bool is_answer = !is_stamped && (kind == note_kind::answered || kind == note_kind::released);
        const bool can_wait =
            !has_ceiling && ((kind == note_kind::released && is_stamped) || (is_answer && key->heat.is_hot()));
        if (is_answer)
            key->heat.answered(now);
        servers_.post({address_of(key), e.id, at, kind, has_ceiling, can_wait},
                      can_wait ? topology::pool_type::departure::with_next : topology::pool_type::departure::now);
    }
    void reduce(const std::shared_ptr<slot_state>& key, std::uint64_t id, std::int64_t cost, std::int64_t unused,
                instant now) {
        if (is_over(*key, time_of(*key, now)))
            return;
        if (is_stamp(id))
            return refund(key, id, unused);
        servers_.post({address_of(key), id, static_cast<double>(cost), note_kind::lower});
    }
    /// Takes back units that have no entry: their stamp is their id.
    void refund(const std::shared_ptr<slot_state>& key, std::uint64_t id, std::int64_t units) {
        servers_.post({address_of(key), std::bit_cast<std::uint64_t>(stamp_of(id)), static_cast<double>(units),
                       note_kind::refund_stamp});
    }
    /// Takes back an entry that may have been made, and will not be used.
    void take_back(const std::shared_ptr<slot_state>& key, std::uint64_t id, instant now) {
        servers_.post({address_of(key), id, time_of(*key, now), note_kind::refunded});
    }

private:
    /// Whether all entries of this process have expired, and perhaps the head too. A note would then be without a head.
    [[nodiscard]] bool is_over(const slot_state& key, double at) const noexcept {
        const double lives = key.lives.load(std::memory_order_relaxed);
        return !time_.is_injected() && lives > 0 && at > lives;
    }
    [[nodiscard]] static std::shared_ptr<key_address> address_of(const std::shared_ptr<slot_state>& key) noexcept {
        return {key, &key->address};
    }

    topology& servers_;
    time_scale& time_;
};

}  // namespace weir::redis::detail
