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
#include <new>
#include <string_view>
#include <utility>

namespace weir::detail {

/// One key of a registry. Its text stands behind it in the same piece of memory, which a search has then asked for.
///
/// **Lifetime.** It lives at least as long as `key.references` is not 0. **Thread safety.** `host` and `role` never
/// change; the rest needs the key's lock.
template <class Store>
struct node {
    [[nodiscard]] static std::unique_ptr<node> make(std::string_view host, std::string_view role,
                                                    std::shared_ptr<const key_rules> rules, typename Store::slot slot) {
        return std::unique_ptr<node>{new (text_room{host.size() + role.size()})
                                         node(host, role, std::move(rules), std::move(slot))};
    }
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    struct text_room {
        std::size_t bytes;
    };
    static void* operator new(std::size_t size, text_room text) { return ::operator new(size + text.bytes); }
    static void operator delete(void* p, text_room) noexcept { ::operator delete(p); }
    static void operator delete(void* p) noexcept { ::operator delete(p); }

    [[gnu::always_inline]] void lock() noexcept { key.lock.lock(); }
    [[gnu::always_inline]] void unlock() noexcept { key.lock.unlock(); }
    /// Locks; says whether it waited for another thread.
    [[nodiscard, gnu::always_inline]] bool lock_or_wait() noexcept { return key.lock.lock_or_wait(); }
    void refer() noexcept {
        const std::lock_guard guard{key.lock};
        ++key.references;
    }
    void release() noexcept {
        const std::lock_guard guard{key.lock};
        --key.references;
    }

    /// Whether a request, a handle or a waiter refers to this key, or its past still decides something.
    [[nodiscard]] bool is_in_use(const Store& store, instant now) const {
        return key.references != 0 || key.is_remembered(now) || !log.is_idle(store, now);
    }

    key_core key;
    key_limiter<Store> log;
    const std::string_view host;
    const std::string_view role;
    std::size_t hash = 0;        // the key table's
    std::uint64_t reloaded = 0;  // the last reload that has seen it; belongs to the thread that reloads

    /// The node that an entry of the ceiling's line or of the wake list belongs to.
    template <class Entry>
    [[nodiscard]] static node& of(const Entry& e) noexcept {
        return *static_cast<node*>(e.owner);
    }

private:
    node(std::string_view h, std::string_view r, std::shared_ptr<const key_rules> rules, typename Store::slot slot)
        : key(std::move(rules), this), log(key, std::move(slot)), host(keep(h, 0)), role(keep(r, h.size())) {}

    [[nodiscard]] std::string_view keep(std::string_view text, std::size_t at) noexcept {
        char* const place = static_cast<char*>(static_cast<void*>(this)) + sizeof(node) + at;
        text.copy(place, text.size());
        return {place, text.size()};
    }
};

}  // namespace weir::detail
