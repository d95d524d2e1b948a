// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_notice.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::postgres::detail {

/// What the server reports about itself.
struct greeting {
    std::int64_t version = 0;
    std::int64_t epoch = 0;      ///< of the schema: a new one knows nothing of the old
    std::int64_t lost_ago = -1;  ///< ns since the server lost history; -1 = never
    bool unlogged = false;
    bool read_only = false;
};
[[nodiscard]] inline std::optional<greeting> greeting_of(const std::vector<std::int64_t>& said) {
    if (said.size() != 5)
        return std::nullopt;
    return greeting{said[0], said[1], said[2], said[3] != 0, said[4] != 0};
}

/// Detects, from what the server reports about itself, that it is another server or has lost its history.
///
/// **Thread safety.** All members may be called from any thread.
class loss_watch {
public:
    /// `server` is its address, for messages.
    explicit loss_watch(std::string server) : server_(std::move(server)) {}

    void opened(const greeting& said) {
        greeted(said);
        generation_.fetch_add(1);
    }
    void greeted(const greeting& said) {
        const std::lock_guard guard{mutex_};
        instant lost = said.lost_ago < 0 ? long_ago : steady_clock{}.now() - duration{said.lost_ago};
        const bool is_other = epoch_ != 0 && epoch_ != said.epoch;
        if (is_other)
            lost = steady_clock{}.now();
        epoch_ = said.epoch;
        // Two reports of one loss differ by the time that they took to arrive.
        if (lost > saturating_add(lost_at_.load(), std::chrono::milliseconds{100})) {
            // A loss before this process's first connection also delays it, but does not count as one that it has seen.
            if (generation_.load() > 0)
                losses_.fetch_add(1);
            lost_at_.store(lost);
            if (generation_.load() > 0 || lost > steady_clock{}.now() - std::chrono::minutes{10})
                notices_.put(
                    {store_notice::kind::history_lost,
                     fmt::format("postgres: {} has lost history: {}; keys warm up for their shortest window", server_,
                                 is_other ? "the schema was made anew"
                                          : "it was killed with unsaved data, a standby took over, or the "
                                            "schema was made anew")});
        }
    }

    /// How often a session was opened. After each, a key's number must be read again.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(); }
    /// When history was lost, on this process's clock; `long_ago` if it was not.
    [[nodiscard]] instant lost_at() const noexcept { return lost_at_.load(); }
    [[nodiscard]] std::uint64_t losses() const noexcept { return losses_.load(); }
    [[nodiscard]] notice_board& notices() noexcept { return notices_; }

private:
    const std::string server_;
    notice_board notices_;
    std::mutex mutex_;
    std::int64_t epoch_ = 0;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<instant> lost_at_{long_ago};
    std::atomic<std::uint64_t> losses_{0};
};

}  // namespace weir::postgres::detail
