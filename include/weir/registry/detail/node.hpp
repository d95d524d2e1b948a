// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_limiter.hpp"
#include "weir/limiter/key_rules.hpp"

#include "weir/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace weir::detail {

/// One key of a registry.
///
/// **Lifetime.** It exists at least while `key.references` is not 0. **Thread safety.** `host` and `role` never change;
/// the other members need the key's lock.
template <class Store>
struct node {
    node(std::string h, std::string r, std::shared_ptr<const key_rules> rules, typename Store::slot slot)
        : key(std::move(rules), this), log(key, std::move(slot)), host(std::move(h)), role(std::move(r)) {}
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    [[gnu::always_inline]] void lock() noexcept { key.lock.lock(); }
    [[gnu::always_inline]] void unlock() noexcept { key.lock.unlock(); }
    void refer() noexcept {
        const std::lock_guard guard{key.lock};
        ++key.references;
    }
    void release() noexcept {
        const std::lock_guard guard{key.lock};
        --key.references;
    }

    /// Whether a request, a handle or a waiter refers to this key, or its history still affects a decision.
    [[nodiscard]] bool is_in_use(const Store& store, instant now) const {
        return key.references != 0 || key.is_remembered(now) || !log.is_idle(store, now);
    }

    key_core key;
    key_limiter<Store> log;
    const std::string host;
    const std::string role;
    std::size_t hash = 0;        // belongs to the key table
    std::size_t position = 0;    // belongs to the key table
    std::uint64_t reloaded = 0;  // the last reload that has seen it; only the reloading thread uses it

    /// The node of an entry in the ceiling's line or in the wake list.
    template <class Entry>
    [[nodiscard]] static node& of(const Entry& e) noexcept {
        return *static_cast<node*>(e.owner);
    }
};

}  // namespace weir::detail
