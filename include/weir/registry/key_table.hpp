// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/spin_lock.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace weir {

/// Finds keys by host and role. Whenever a new key is added, it forgets a few idle ones. So memory follows the keys in
/// use, without a thread.
///
/// `Node` has `host`, `role`, `hash`, `position`, `lock()` and `unlock()`.
///
/// **Thread safety.** All members. **Complexity.** O(1) on average.
template <class Node>
class key_table {
public:
    /// Finds the node and locks it, or returns null.
    [[nodiscard]] Node* find_locked(std::string_view host, std::string_view role) {
        const name wanted{host, role, hash_of(host, role)};
        shard& s = shard_of(wanted.hash);
        const std::lock_guard guard{s.lock};
        const auto at = s.nodes.find(wanted);
        if (at == s.nodes.end())
            return nullptr;
        // Locked before the shard is unlocked, so that it cannot be evicted in between.
        (*at)->lock();
        return at->get();
    }

    /// Adds the node that `make` builds unless another thread was faster, and locks it; null if `make` returns none.
    /// `is_idle(node)` is called for two other nodes, with the node locked; if it returns true, the node is forgotten.
    template <class Make, class IsIdle>
    [[nodiscard]] Node* insert_locked(std::string_view host, std::string_view role, Make&& make, IsIdle&& is_idle) {
        const name wanted{host, role, hash_of(host, role)};
        shard& s = shard_of(wanted.hash);
        const std::lock_guard guard{s.lock};
        if (const auto at = s.nodes.find(wanted); at != s.nodes.end()) {
            (*at)->lock();
            return at->get();
        }
        for (int i = 0; i < 2 && !s.order.empty(); ++i)
            sweep(s, is_idle);
        std::unique_ptr<Node> made = make();
        if (made == nullptr)
            return nullptr;
        Node& node = *made;
        node.hash = wanted.hash;
        node.position = s.order.size();
        if (s.order.size() == s.order.capacity())
            s.order.reserve(2 * s.order.size() + 4);
        s.nodes.insert(std::move(made));
        s.order.push_back(&node);  // last, and within the capacity, so that a failure changes nothing
        node.lock();
        return &node;
    }

    /// Forgets every node for which `fn(node)`, called with the node locked, returns true. **Preconditions.** Those
    /// nodes are idle.
    template <class F>
    void erase_if(F&& fn) {
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            for (std::size_t i = s.order.size(); i-- > 0;) {
                Node& node = *s.order[i];
                node.lock();
                const bool goes = fn(node);
                node.unlock();
                if (goes)
                    forget(s, node);
            }
        }
    }

    /// Calls `fn(node)` for every node, with the node locked, one shard after the other.
    template <class F>
    void for_each(F&& fn) {
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            for (Node* node : s.order) {
                const std::lock_guard locked{*node};
                fn(*node);
            }
        }
    }

    struct releaser {
        void operator()(Node* n) const noexcept { n->release(); }
    };
    /// A reference to a node. The node cannot be forgotten while the reference exists.
    using reference = std::unique_ptr<Node, releaser>;

    /// Every node that exists during the whole call, each with a reference, and some of those that are added or
    /// forgotten meanwhile. A node may be in the list twice.
    ///
    /// **Preconditions.** `Node` has `refer()` and `release()`, and is not idle between them. **Complexity.** O(keys);
    /// a shard is locked for only some nodes at a time, so that other threads wait only a short time.
    [[nodiscard]] std::vector<reference> refer_all() {
        constexpr std::size_t at_once = 32;
        std::vector<reference> out;
        out.reserve(size() + at_once);
        for (shard& s : shards_) {
            // From the back: when a node is forgotten, the last one takes its place, and that one has been seen
            // already.
            for (std::size_t left = std::numeric_limits<std::size_t>::max(); left > 0;) {
                if (out.capacity() - out.size() < at_once)  // grown here, where nothing is locked
                    out.reserve(2 * out.capacity());
                const std::lock_guard guard{s.lock};
                left = std::min(left, s.order.size());
                for (std::size_t i = 0; i < at_once && left > 0; ++i) {
                    Node& node = *s.order[--left];
                    node.refer();
                    out.emplace_back(&node);
                }
            }
        }
        return out;
    }

    [[nodiscard]] std::size_t size() {
        std::size_t sum = 0;
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            sum += s.order.size();
        }
        return sum;
    }

private:
    struct name {
        std::string_view host;
        std::string_view role;
        std::size_t hash;
    };
    static name name_of(const name& n) noexcept { return n; }
    static name name_of(const std::unique_ptr<Node>& n) noexcept { return {n->host, n->role, n->hash}; }

    struct hasher {
        using is_transparent = void;
        template <class T>
        std::size_t operator()(const T& n) const noexcept {
            return name_of(n).hash;
        }
    };
    struct same {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            const name x = name_of(a), y = name_of(b);
            return x.hash == y.hash && x.host == y.host && x.role == y.role;
        }
    };

    // 64 shards: on a machine with far fewer cores, two threads with two keys rarely use the same one.
    struct alignas(64) shard {
        detail::spin_lock lock;
        std::size_t hand = 0;
        std::unordered_set<std::unique_ptr<Node>, hasher, same> nodes;
        std::vector<Node*> order;
    };

    static std::size_t hash_of(std::string_view host, std::string_view role) noexcept {
        return static_cast<std::size_t>(mix(mix(0, host), role));
    }

    /// Eight bytes a step, and inlined: for names this short, the call of a general hash would cost more than the hash
    /// itself.
    [[gnu::always_inline]] static std::uint64_t mix(std::uint64_t h, std::string_view text) noexcept {
        h += text.size();
        std::size_t i = 0;
        for (; i + 8 <= text.size(); i += 8) {
            std::uint64_t word;
            std::memcpy(&word, text.data() + i, sizeof word);
            h = (h ^ word) * 0x9E3779B97F4A7C15ULL;
            h ^= h >> 29;
        }
        for (; i < text.size(); ++i)
            h = (h ^ static_cast<unsigned char>(text[i])) * 0x100000001B3ULL;
        h *= 0x9E3779B97F4A7C15ULL;
        return h ^ (h >> 32);
    }
    shard& shard_of(std::size_t hash) noexcept { return shards_[(hash >> 24) % shards_.size()]; }

    template <class IsIdle>
    static void sweep(shard& s, IsIdle&& is_idle) {
        s.hand = s.hand + 1 < s.order.size() ? s.hand + 1 : 0;
        Node& node = *s.order[s.hand];
        {
            const std::lock_guard locked{node};
            if (!is_idle(node))
                return;
        }
        forget(s, node);
    }

    static void forget(shard& s, Node& node) {
        // Idle and without references: it can only be reached through this shard, which is locked.
        s.order[node.position] = s.order.back();
        s.order[node.position]->position = node.position;
        s.order.pop_back();
        s.nodes.erase(s.nodes.find(name{node.host, node.role, node.hash}));
    }

    std::array<shard, 64> shards_;
};

}  // namespace weir
