// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace weir {

/// A message of a shared store that is not the answer to a request.
struct store_notice {
    enum class kind : std::uint8_t {
        history_lost,  ///< the store has lost admitted requests: keys warm up, unless the options forbid it
        warning,       ///< a setting of the server may cause such a loss
        holder_died,   ///< a process died, and its entries on a key were ended
    };
    /// The process of `holder_died`.
    struct dead_process {
        std::uint64_t id = 0;  ///< as in `holder_info`
        std::string host;
        std::int64_t pid = 0;
        std::int64_t entries = 0;  ///< how many of its entries were ended
    };
    kind type{};
    std::string text;  ///< the event, its reason and the remedy; never a secret
    dead_process died{};
};

/// The notices of one store object, oldest first, until the registry makes events of them. If no caller takes them, the
/// oldest are dropped.
///
/// **Thread safety.** All members may be called from any thread. **Complexity.** `take` without a notice is one load.
class notice_board {
public:
    void put(store_notice n) {
        const std::lock_guard guard{mutex_};
        if (all_.size() >= max_kept)
            all_.pop_front();
        all_.push_back(std::move(n));
        has_any_.store(true, std::memory_order_release);
    }
    [[nodiscard]] std::optional<store_notice> take() {
        if (!has_any_.load(std::memory_order_acquire)) [[likely]]
            return std::nullopt;
        const std::lock_guard guard{mutex_};
        if (all_.empty())
            return std::nullopt;
        std::optional<store_notice> out{std::move(all_.front())};
        all_.pop_front();
        has_any_.store(!all_.empty(), std::memory_order_release);
        return out;
    }

private:
    static constexpr std::size_t max_kept = 64;

    std::atomic<bool> has_any_ = false;
    std::mutex mutex_;
    std::deque<store_notice> all_;
};

}  // namespace weir
