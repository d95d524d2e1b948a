// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/group_change.hpp"
#include "weir/registry/rules_cache.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace weir::detail {

/// Whether a key may be made under a given rules_cache.
enum class making : std::uint8_t {
    allowed,
    outdated,  ///< another rules_cache is active
    held_off,  ///< a reload is about to move the key
};

/// The active rules_cache of a registry, and the keys that must not be made while a reload is in progress.
///
/// **Thread safety.** All members.
class active_rules {
public:
    explicit active_rules(std::shared_ptr<rules_cache> rules) : rules_(std::move(rules)) {}

    [[nodiscard]] std::shared_ptr<rules_cache> current() {
        const std::lock_guard guard{mutex_};
        return rules_;
    }

    /// Makes another rules_cache active and ends `hold_off`. **Effects.** Returns the old one, so that it is destroyed
    /// while nothing is locked.
    [[nodiscard]] std::shared_ptr<rules_cache> replace(std::shared_ptr<rules_cache> fresh) {
        const std::lock_guard guard{mutex_};
        group_change_ = nullptr;
        return std::exchange(rules_, std::move(fresh));
    }

    /// Keys that a reload is about to move cannot be made from now on; null ends this.
    void hold_off(std::shared_ptr<const group_change> keys) {
        const std::lock_guard guard{mutex_};
        group_change_ = std::move(keys);
    }

    /// Called with the key's place in the table locked. So a reload that starts later finds the key there.
    [[nodiscard]] making may_make(const std::shared_ptr<rules_cache>& book, std::string_view key_host) {
        const std::lock_guard guard{mutex_};
        if (book != rules_)
            return making::outdated;
        return group_change_ != nullptr && group_change_->affects(key_host) ? making::held_off : making::allowed;
    }

private:
    std::mutex mutex_;
    std::shared_ptr<rules_cache> rules_;
    std::shared_ptr<const group_change> group_change_;
};

}  // namespace weir::detail
