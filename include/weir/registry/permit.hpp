// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/storage/store.hpp"

#include <cassert>
#include <cstdint>
#include <utility>

namespace weir {

template <class Engine>
class handle;
template <class Engine>
class ticket;

/// One admitted request. Call `arrived()` when its response headers are seen; destroy it when the body is done.
///
/// Destroyed without `arrived()`, it takes the moment of its destruction for the answer: late, and so on the safe side.
///
/// **Thread safety.** One permit belongs to one thread at a time; different permits are independent. **Lifetime.** The
/// registry must outlive it. **Exception safety.** Nothing here throws.
template <class Engine>
class [[nodiscard]] permit {
public:
    permit() = default;
    permit(permit&& other) noexcept
        : engine_(std::exchange(other.engine_, nullptr)), node_(other.node_), entry_(other.entry_) {}
    permit& operator=(permit&& other) noexcept {
        if (this != &other) {
            release();
            engine_ = std::exchange(other.engine_, nullptr);
            node_ = other.node_;
            entry_ = other.entry_;
        }
        return *this;
    }
    ~permit() { release(); }

    /// The response headers are in: the entry counts for T from now. The in-flight place stays taken until the body is
    /// done.
    void arrived() noexcept { arrived(feedback{}); }
    /// The same, with what the response said about the limit: a `retry_after` moves the key's gate, and with it those
    /// that `gate_scope` names. A 429 or 503 without one moves it by a second, by twice as much each time the next
    /// request is refused too, a minute at most.
    void arrived(const feedback& said) noexcept {
        if (engine_ != nullptr)
            engine_->settle_answered(*node_, entry_, said, Engine::read_clock);
    }
    void arrived(const feedback& said, instant now) noexcept {
        if (engine_ != nullptr)
            engine_->settle_answered(*node_, entry_, said, now);
    }

    /// The body is done: the in-flight place is free. What destruction does; repeating it changes nothing.
    void release() noexcept { end(settlement::released, Engine::read_clock); }
    void release(instant now) noexcept { end(settlement::released, now); }

    /// The request never left the machine: its entry is removed as if it had not been. Only the first of `refund` and
    /// `release` has an effect.
    void refund() noexcept { end(settlement::refunded, Engine::read_clock); }
    void refund(instant now) noexcept { end(settlement::refunded, now); }

    void adjust_cost(std::int64_t) noexcept {}
    /// Whether it still stands for a request.
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

private:
    friend Engine;
    friend ticket<Engine>;
    /// From now on it is the permit of `entry_`. **Preconditions.** `n` is pinned for it.
    void stand_for(Engine& engine, typename Engine::node& n) noexcept {
        engine_ = &engine;
        node_ = &n;
    }

    template <class When>
    void end(settlement how, When when) noexcept {
        if (engine_ != nullptr)
            std::exchange(engine_, nullptr)->settle_ended(*node_, entry_, how, when);
    }

    Engine* engine_ = nullptr;
    typename Engine::node* node_ = nullptr;
    entry entry_;
};

/// The answer to a request for admission: a permit, or the decision that says why there is none.
template <class Engine>
class [[nodiscard]] admission {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return why_.granted(); }
    [[nodiscard]] const decision& why() const noexcept { return why_; }

    /// Hands the permit out. **Preconditions.** It was granted, and not taken before.
    [[nodiscard]] weir::permit<Engine> take() && noexcept {
        assert(why_.granted());
        return std::move(permit_);
    }
    /// The permit in place. **Preconditions.** It was granted.
    [[nodiscard]] weir::permit<Engine>& permit() noexcept { return permit_; }

private:
    friend Engine;
    friend handle<Engine>;
    friend ticket<Engine>;
    admission() = default;  // not decided yet: the engine fills it in before a caller has it

    decision why_;
    weir::permit<Engine> permit_;
};

}  // namespace weir
