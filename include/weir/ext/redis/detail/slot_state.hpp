// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/key_heat.hpp"
#include "weir/storage/remote/reaping.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

struct shard;

/// What this process keeps of a key.
struct slot_state {
    key_address address;
    remote::key_heat heat;
    std::atomic<std::int64_t> held = 0;  ///< entries of this process; settle runs besides other verbs
    // Only one verb at a time writes these.
    multiplier factor{};
    remote::reap_memory reaped;
    remote::tuner_record tuner;      ///< the server's present or earlier record
    std::int64_t noted_plan = 0;     ///< the plan whose windows this process wrote last, for operators; ...
    instant noted_until = long_ago;  ///< ... until then they need not be written again
    instant lost_at = long_ago;
    shard* server = nullptr;        ///< the one of the last verb; null before the first
    bool has_credit = false;        ///< whether the last decision left credit
    double born = 0;                ///< the head's first moment, ...
    double version = 0;             ///< ... its version at this process's last admission, ...
    std::atomic<double> lives = 0;  ///< ... and until when it should exist at least, by the server's clock

    /// Whether `head` should contain an admission of this process, and does not.
    [[nodiscard]] bool remembers(const admitted& head, double head_born) const noexcept {
        return born != 0 && head.t < lives && (head_born != born || head.version <= version);
    }
};

}  // namespace weir::redis::detail
