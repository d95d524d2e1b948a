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

/// A text whose characters are in the same piece of memory as this object, some bytes after it.
class near_text {
public:
    near_text(std::string_view text, char* to) noexcept
        : offset_(static_cast<std::uint32_t>(to - address())), size_(static_cast<std::uint32_t>(text.size())) {
        text.copy(to, text.size());
    }
    near_text(const near_text&) = delete;
    near_text& operator=(const near_text&) = delete;

    [[gnu::always_inline]] operator std::string_view() const noexcept {  // NOLINT: it is one
        return {address() + offset_, size_};
    }
    friend bool operator==(const near_text& a, std::string_view b) noexcept { return std::string_view{a} == b; }

private:
    [[nodiscard]] const char* address() const noexcept {
        return static_cast<const char*>(static_cast<const void*>(this));
    }

    std::uint32_t offset_;
    std::uint32_t size_;
};

/// One key of a registry. The characters of host and role are in the same piece of memory, after the object, so that a
/// search fetches both at once.
///
/// **Lifetime.** It exists at least while `key.references` is not 0. **Thread safety.** `host` and `role` never change;
/// the other members need the key's lock.
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

    /// Asks the processor for what a decision reads of `n`, all lines at once; `n` may be null.
    [[gnu::always_inline]] static void fetch(const node* n) noexcept {
        constexpr std::size_t rarely_read = 80;  // the beginning of the core
        constexpr std::size_t text = 32;         // of most keys
        for (std::size_t i = rarely_read; i < sizeof(node) + text; i += 64)
            __builtin_prefetch(reinterpret_cast<const char*>(n) + i);
    }

    [[gnu::always_inline]] void lock() noexcept { key.lock.lock(); }
    [[gnu::always_inline]] void unlock() noexcept { key.lock.unlock(); }
    /// Locks. Returns whether it waited for another thread.
    [[nodiscard, gnu::always_inline]] bool lock_or_wait() noexcept { return key.lock.lock_or_wait(); }
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

    // In this order the members that a decision reads are side by side: the end of the core, these, the start of the
    // log.
    key_core key;
    std::uint32_t hash = 0;  // belongs to the key table
    /// The last reload that has seen it; only the reloading thread uses it.
    std::uint32_t reloaded = 0;
    const near_text host;
    const near_text role;
    key_limiter<Store> log;

    /// The node of an entry in the ceiling's line or in the wake list.
    template <class Entry>
    [[nodiscard]] static node& of(const Entry& e) noexcept {
        return *static_cast<node*>(e.owner);
    }

private:
    node(std::string_view h, std::string_view r, std::shared_ptr<const key_rules> rules, typename Store::slot slot)
        : key(std::move(rules), this), host(h, end()), role(r, end() + h.size()), log(key, std::move(slot)) {}

    [[nodiscard]] char* end() noexcept { return static_cast<char*>(static_cast<void*>(this)) + sizeof(node); }
};

}  // namespace weir::detail
