// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <atomic>
#include <cstdint>

namespace weir::redis::detail {

/// What this process keeps of a key.
struct slot_state {
    key_address address;
    std::atomic<std::int64_t> held = 0;  ///< entries of this process; settle runs beside the other verbs
    // Written by one verb at a time.
    multiplier factor{};
    remote::tuner_record tuner;  ///< as the server has it, or had
    instant lost_at = long_ago;
    double born = 0;                ///< the head's first moment, ...
    std::uint32_t seq = 0;          ///< ... how many admissions it had seen, ...
    std::atomic<double> lives = 0;  ///< ... and until when it should at least live, by the server's clock

    /// Whether `head` should know of an admission here, and does not.
    [[nodiscard]] bool remembers(const admitted& head, double head_born) const noexcept {
        return born != 0 && head.t < lives && (head_born != born || static_cast<std::int32_t>(head.seq - seq) <= 0);
    }
};

}  // namespace weir::redis::detail
