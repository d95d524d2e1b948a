// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/storage/holder.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace weir::remote {

/// What a store keeps of one holder. Times are microseconds of the store's clock.
struct holder_record {
    std::uint64_t id = 0;
    std::uint64_t machine = 0;  ///< see `holder_identity`
    std::int64_t pid = 0;
    std::int64_t start = 0;
    std::int64_t made = 0;     ///< its first sign of life
    std::int64_t renewed = 0;  ///< its last sign of life
    std::int64_t ttl = 0;      ///< how long after that it counts as alive
    std::string host;
};

/// Whether a holder lives.
struct holder_verdict {
    enum class kind : std::uint8_t {
        lives,
        silent,  ///< it has missed a renewal: it counts as dead at `at` if it does not renew
        dead,    ///< it may have lived until `at`, and not longer
    };
    kind type = kind::lives;
    std::int64_t at = 0;  ///< by the store's clock
};

/// Judges a holder at `now` by the store's clock.
///
/// A process of this machine lives as long as the kernel has it, even if it is silent or stopped. `has_ended(pid,
/// start)` asks the kernel. A process of another machine counts as dead one time to live after its last sign of life.
/// Nothing is known of what it did in between, so it may have sent requests until then.
template <class HasEnded>
[[nodiscard]] holder_verdict judge(const holder_record& h, std::uint64_t own_id, std::uint64_t own_machine,
                                   std::int64_t now, HasEnded&& has_ended) {
    using kind = holder_verdict::kind;
    if (h.id == own_id)
        return {};
    if (h.machine != 0 && h.machine == own_machine)
        return has_ended(h.pid, h.start) ? holder_verdict{kind::dead, now} : holder_verdict{};
    const std::int64_t age = now - h.renewed;
    if (age >= h.ttl)
        return {kind::dead, h.renewed + h.ttl};
    // A renewal comes after a third of the time at the latest.
    return age > h.ttl / 2 ? holder_verdict{kind::silent, h.renewed + h.ttl} : holder_verdict{};
}

/// When this process must give its next sign of life, and how many processes live. It knows no socket and no clock.
///
/// **Thread safety.** All members may be called from any thread. **Complexity.** `is_due` is one load.
class holder_book {
public:
    explicit holder_book(duration ttl) noexcept : pause_(ttl / 3) {}

    [[nodiscard]] bool is_due(instant now) const noexcept { return now >= next_.load(std::memory_order_relaxed); }
    /// When the next sign of life is due.
    [[nodiscard]] instant next_renewal() const noexcept { return next_.load(std::memory_order_relaxed); }
    /// Takes the renewal that is due. Returns false if it is not due, or another thread has just taken it.
    [[nodiscard]] bool begin(instant now) noexcept {
        instant due = next_.load(std::memory_order_relaxed);
        return now >= due && next_.compare_exchange_strong(due, saturating_add(now, pause_));
    }
    /// The store has taken the sign of life, and says how many holders live, with this one. If their number has
    /// changed, processes are being started or stopped, and the next sign of life comes four times as early.
    void succeeded(std::int64_t alive) noexcept {
        if (alive_.exchange(alive, std::memory_order_relaxed) != alive)
            next_.store(next_.load(std::memory_order_relaxed) - pause_ / 4 * 3, std::memory_order_relaxed);
    }
    /// It has not. The next attempt comes a third of the usual time later.
    void failed(instant now) noexcept { next_.store(saturating_add(now, pause_ / 3), std::memory_order_relaxed); }
    /// The number of holders that lived at the last renewal; 0 = not known yet.
    [[nodiscard]] std::int64_t alive() const noexcept { return alive_.load(std::memory_order_relaxed); }

private:
    const duration pause_;
    std::atomic<instant> next_{long_ago};
    std::atomic<std::int64_t> alive_{0};
};

/// A record for a caller of `holders()`.
[[nodiscard]] inline holder_info info_of(holder_record h, std::uint64_t own_id, const holder_verdict& v) {
    const auto time = [](std::int64_t us) { return holder_info::time{std::chrono::microseconds{us}}; };
    return {h.id,          std::move(h.host), h.pid,
            time(h.made),  time(h.renewed),   v.type != holder_verdict::kind::dead,
            h.id == own_id};
}

}  // namespace weir::remote
