// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir::redis::detail {

struct shard;

/// Whether the next decision about a key is expected a moment after an answer, because the last ones were.
///
/// **Thread safety.** All members may be called from any thread. The values are hints, so the order does not matter.
class key_heat {
public:
    /// Between an answer and the next decision, at most.
    static constexpr duration moment = std::chrono::milliseconds{1};

    void answered(instant now) noexcept { answered_.store(now, std::memory_order_relaxed); }
    void decides(instant now) noexcept {
        const instant last = answered_.load(std::memory_order_relaxed);
        if (last == long_ago)
            return;
        answered_.store(long_ago, std::memory_order_relaxed);
        quick_.store(now - last < moment ? quick_.load(std::memory_order_relaxed) + 1 : 0, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_hot() const noexcept { return quick_.load(std::memory_order_relaxed) >= 2; }

private:
    std::atomic<instant> answered_{long_ago};  // the last answer since the last decision
    std::atomic<std::uint32_t> quick_ = 0;     // how many decisions in a row came within a moment
};

/// What this process keeps of a key.
struct slot_state {
    key_address address;
    key_heat heat;
    std::atomic<std::int64_t> held = 0;  ///< entries of this process; settle runs besides other verbs
    // Only one verb at a time writes these.
    multiplier factor{};
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
