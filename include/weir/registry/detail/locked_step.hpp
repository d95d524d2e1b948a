// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/limiter/key_core.hpp"

#include <utility>

namespace weir::detail {

/// One step on a locked key: from here to the unlock, and what follows it.
///
/// A step decides or changes. Its end serves the queue once, unlocks the key, and only then calls waiters, the observer
/// and the waker.
template <class Engine>
class locked_step {
public:
    [[gnu::always_inline]] locked_step(Engine& e, typename Engine::node& n, instant now) noexcept
        : at{e.store(), e.ceiling(), now}, engine_(e), node_(n) {}
    locked_step(const locked_step&) = delete;
    locked_step& operator=(const locked_step&) = delete;
    [[gnu::always_inline]] ~locked_step() { end(); }

    [[gnu::always_inline]] void end() noexcept {
        if (!std::exchange(is_over_, true))
            engine_.end(node_, at);
    }

    key_step<typename Engine::store_type> at;

private:
    Engine& engine_;
    typename Engine::node& node_;
    bool is_over_ = false;
};

/// A reference for the length of a step, or longer. **Preconditions.** The key is locked at both ends.
template <class Node>
class step_reference {
public:
    explicit step_reference(Node& n) noexcept : node_(&n) { ++n.key.references; }
    step_reference(const step_reference&) = delete;
    step_reference& operator=(const step_reference&) = delete;
    ~step_reference() {
        if (node_ != nullptr)
            --node_->key.references;
    }
    void keep() noexcept { node_ = nullptr; }

private:
    Node* node_;
};

}  // namespace weir::detail
