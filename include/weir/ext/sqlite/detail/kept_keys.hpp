// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/slot_state.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/key_heat.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::sqlite::detail {

/// The keys of which a store keeps answers, and when those must be written at the latest.
///
/// **Thread safety.** All members may be called from any thread.
class kept_keys {
public:
    void add(std::shared_ptr<slot_state> key) {
        const std::lock_guard guard{mutex_};
        keys_.push_back(std::move(key));
        if (due_.load(std::memory_order_relaxed) == far_future)
            due_.store(steady_clock{}.now() + remote::max_hold, std::memory_order_relaxed);
    }
    [[nodiscard]] instant due() const noexcept { return due_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool is_due() const noexcept { return due() != far_future && due() <= steady_clock{}.now(); }
    /// All keys; the list is empty then.
    [[nodiscard]] std::vector<std::shared_ptr<slot_state>> take() noexcept {
        const std::lock_guard guard{mutex_};
        due_.store(far_future, std::memory_order_relaxed);
        for (const auto& key : keys_)
            key->answers.unlist();
        return std::exchange(keys_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<slot_state>> keys_;
    std::atomic<instant> due_{far_future};
};

}  // namespace weir::sqlite::detail
