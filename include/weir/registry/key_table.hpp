// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/spin_lock.hpp"
#include "weir/registry/detail/key_text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Finds keys by host and role. Whenever a new key is added, it forgets a few idle ones. So memory follows the keys in
/// use, without a thread.
///
/// Each shard is one array of cells. A cell is eight bytes: the address of a node, and a few bits of the node's hash in
/// the bits of the address that are always 0. So a search reads one cache line of cells, and then the right node.
///
/// `Node` has `host`, `role`, `hash`, `lock()`, `lock_or_wait()` and `unlock()`, and is made by `new`. `Node::fetch(p)`
/// asks the processor for its memory; `p` may be null.
///
/// **Thread safety.** All members. **Complexity.** O(1) on average.
template <class Node>
class key_table {
public:
    /// Finds the node and locks it, or returns null.
    [[nodiscard]] Node* find_locked(std::string_view host, std::string_view role) {
        return find_locked(host, role, [] {}, [] {});
    }
    /// The same, for a caller that reads the time. It calls `meanwhile()` while the processor fetches the node's
    /// memory, and `waited()` if the node's lock was not free.
    template <class Meanwhile, class Waited>
    [[nodiscard, gnu::always_inline]] Node* find_locked(std::string_view host, std::string_view role,
                                                        Meanwhile&& meanwhile, Waited&& waited) {
        const name wanted{host, role, detail::hash_of(host, role)};
        shard& s = shard_of(wanted.hash);
        s.lock.lock();
        const std::lock_guard guard{s.lock, std::adopt_lock};
        std::size_t at = s.next_like(wanted.hash, home(wanted.hash));
        Node::fetch(s.node(at));
        meanwhile();
        for (Node* n = s.node(at); n != nullptr; n = s.node(at)) {
            if (wanted.is(*n)) [[likely]] {
                // Locked before the shard is unlocked, so that it cannot be evicted in between.
                if (n->lock_or_wait()) [[unlikely]]
                    waited();
                return n;
            }
            at = s.next_like(wanted.hash, at + 1);
        }
        return nullptr;
    }

    /// Adds the node that `make` builds unless another thread was faster, and locks it; null if `make` returns none.
    /// `is_idle(node)` is called for two other nodes, with the node locked; if it returns true, the node is forgotten.
    template <class Make, class IsIdle>
    [[nodiscard]] Node* insert_locked(std::string_view host, std::string_view role, Make&& make, IsIdle&& is_idle) {
        const name wanted{host, role, detail::hash_of(host, role)};
        shard& s = shard_of(wanted.hash);
        const std::lock_guard guard{s.lock};
        for (std::size_t at = home(wanted.hash);; ++at) {
            at = s.next_like(wanted.hash, at);
            Node* n = s.node(at);
            if (n == nullptr)
                break;
            if (wanted.is(*n)) {
                n->lock();
                return n;
            }
        }
        for (int i = 0; i < 2 && s.count > 0; ++i)
            s.sweep(is_idle);
        std::unique_ptr<Node> made = make();
        if (made == nullptr)
            return nullptr;
        s.reserve();  // before anything changes, so that a failure changes nothing
        made->hash = static_cast<std::uint32_t>(wanted.hash);
        Node* node = made.release();
        s.add(node);
        node->lock();
        return node;
    }

    /// Forgets every node for which `fn(node)`, called with the node locked, returns true. **Preconditions.** Those
    /// nodes are idle.
    template <class F>
    void erase_if(F&& fn) {
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            for (std::size_t i = 0; i < s.size(); ++i) {
                Node* n = s.node(i);
                if (n == nullptr)
                    continue;
                n->lock();
                const bool goes = fn(*n);
                n->unlock();
                if (goes)
                    s.forget(i);
            }
        }
    }

    /// Calls `fn(node)` for every node, with the node locked, one shard after the other.
    template <class F>
    void for_each(F&& fn) {
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            for (std::size_t i = 0; i < s.size(); ++i) {
                if (Node* n = s.node(i)) {
                    const std::lock_guard locked{*n};
                    fn(*n);
                }
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
            std::uint64_t layout = 0;
            std::size_t next = 0;
            for (bool is_done = false; !is_done;) {
                if (out.capacity() - out.size() < at_once)  // grown here, where nothing is locked
                    out.reserve(2 * out.capacity());
                const std::lock_guard guard{s.lock};
                if (std::exchange(layout, s.layout) != s.layout)
                    next = 0;  // the nodes have changed places
                for (std::size_t i = 0; i < 4 * at_once && out.capacity() > out.size() && next < s.size(); ++i) {
                    if (Node* n = s.node(next++)) {
                        n->refer();
                        out.emplace_back(n);
                    }
                }
                is_done = next >= s.size();
            }
        }
        return out;
    }

    [[nodiscard]] std::size_t size() {
        std::size_t sum = 0;
        for (shard& s : shards_) {
            const std::lock_guard guard{s.lock};
            sum += s.count;
        }
        return sum;
    }

private:
    using cell = std::uintptr_t;
    static constexpr cell empty = 0;
    /// Where a node was: a search goes on behind it, and a new node may take its place.
    static constexpr cell gone = 1;
    /// What the address of a node leaves free.
    static constexpr cell tag_mask = __STDCPP_DEFAULT_NEW_ALIGNMENT__ - 1;

    struct name {
        std::string_view host;
        std::string_view role;
        std::uint64_t hash;

        [[nodiscard, gnu::always_inline]] bool is(const Node& n) const noexcept {
            return n.hash == static_cast<std::uint32_t>(hash) && detail::is_same_text(n.host, host) &&
                   detail::is_same_text(n.role, role);
        }
    };

    // The highest bits of a hash choose the shard. A node keeps the lower half: it gives the first cell to look at, and
    // the tag.
    [[nodiscard]] static std::uint32_t home(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }
    [[nodiscard]] static cell tag_of(std::uint64_t hash) noexcept { return static_cast<cell>(hash >> 20) & tag_mask; }

    /// 64 shards: on a machine with far fewer cores, two threads with two keys rarely use the same one.
    struct alignas(64) shard {
        detail::spin_lock lock;
        std::size_t mask = 0;          ///< one less than there are cells, which are a power of two
        const cell* cells = &no_cell;  ///< those of `owned`, or an empty one
        std::size_t count = 0;         ///< nodes
        std::size_t used = 0;          ///< cells that are not empty
        std::size_t hand = 0;          ///< the cell that `sweep` looks at next
        std::uint64_t layout = 1;      ///< goes up whenever nodes move to other cells
        std::unique_ptr<cell[]> owned;

        shard() = default;
        shard(const shard&) = delete;
        shard& operator=(const shard&) = delete;
        ~shard() {
            for (std::size_t i = 0; i < size(); ++i)
                delete node(i);
        }

        static constexpr cell no_cell = empty;

        [[nodiscard]] std::size_t size() const noexcept { return mask + 1; }
        [[nodiscard]] static Node* node_of(cell c) noexcept {
            return c == gone ? nullptr : reinterpret_cast<Node*>(c & ~tag_mask);
        }
        /// The node in a cell; null if there is none. A cell that `next_like` returned is never `gone`.
        [[nodiscard]] Node* node(std::size_t i) const noexcept { return node_of(cells[i & mask]); }

        /// The first cell from `i` on that is empty, or whose node may have that hash.
        [[nodiscard, gnu::always_inline]] std::size_t next_like(std::uint64_t hash, std::size_t i) const noexcept {
            const cell tag = tag_of(hash);
            for (;; ++i) {
                const cell c = cells[i & mask];
                if (c == empty || ((c & tag_mask) == tag && c != gone))
                    return i & mask;
            }
        }

        /// Makes room for one more. At most three of four cells are in use, so that every search ends soon.
        void reserve() {
            if (owned != nullptr && (used + 1) * 4 <= size() * 3)
                return;
            // If most cells are `gone`, the same number is enough.
            const std::size_t wanted = std::max<std::size_t>(8, std::bit_ceil(2 * (count + 1)));
            auto fresh = std::make_unique<cell[]>(wanted);
            std::swap(owned, fresh);
            const std::size_t before = std::exchange(mask, wanted - 1) + 1;
            cells = owned.get();
            used = count = hand = 0;
            ++layout;
            for (std::size_t i = 0; fresh != nullptr && i < before; ++i)
                if (Node* n = node_of(fresh[i]))
                    add(n);
        }
        /// **Preconditions.** There is room.
        void add(Node* n) noexcept {
            const auto address = reinterpret_cast<cell>(n);
            assert((address & tag_mask) == 0);
            std::size_t i = home(n->hash);
            while (node(i) != nullptr)
                ++i;
            cell& place = owned[i & mask];
            used += place == empty ? 1 : 0;
            ++count;
            place = address | tag_of(n->hash);
        }
        /// **Preconditions.** The node is idle and without references: it can only be reached through this shard, which
        /// is locked.
        void forget(std::size_t i) noexcept {
            delete node(i);
            const bool ends_search = cells[(i + 1) & mask] == empty;
            owned[i & mask] = ends_search ? empty : gone;
            used -= ends_search ? 1 : 0;
            --count;
        }
        template <class IsIdle>
        void sweep(IsIdle&& is_idle) {
            constexpr std::size_t farthest = 64;
            for (std::size_t i = 0; i < farthest; ++i) {
                hand = (hand + 1) & mask;
                Node* n = node(hand);
                if (n == nullptr)
                    continue;
                n->lock();
                const bool goes = is_idle(*n);
                n->unlock();
                if (goes)
                    forget(hand);
                return;
            }
        }
    };

    shard& shard_of(std::uint64_t hash) noexcept { return shards_[hash >> 58]; }

    std::array<shard, 64> shards_;
};

}  // namespace weir
