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

namespace detail {
template <class Engine>
class acquire_step;
}

template <class Engine>
class handle;
template <class Engine>
class ticket;

/// One admitted request. Call `arrived()` when its response headers are seen; destroy it when the body is done.
///
/// A permit that ends without `arrived()` is *abandoned*: its request may still reach the server, so it counts until T
/// after its end plus a grace: the policy's `abandon_grace`, else the longest latency seen of the key.
///
/// **Thread safety.** One permit belongs to one thread at a time; different permits are independent. **Lifetime.** The
/// registry must outlive it. **Exception safety.** Nothing throws, but where a member says so.
template <class Engine>
class [[nodiscard]] permit {
public:
    permit() = default;
    permit(permit&& other) noexcept
        : engine_(std::exchange(other.engine_, nullptr)), node_(other.node_), entry_(other.entry_),
          is_answered_(other.is_answered_) {}
    permit& operator=(permit&& other) noexcept {
        if (this != &other) {
            release();
            engine_ = std::exchange(other.engine_, nullptr);
            node_ = other.node_;
            entry_ = other.entry_;
            is_answered_ = other.is_answered_;
        }
        return *this;
    }
    ~permit() { release(); }

    /// The response headers are in: the entry counts for T from now. The in-flight slot stays taken until the body is
    /// done. Only the first call has an effect.
    void arrived() noexcept { arrived(feedback{}); }
    /// The same, with what the response says about the limit: a `retry_after` moves the key's gate, and with it those
    /// that `gate_scope` names. A 429 or 503 without one moves it by a second, by twice as much each time the next
    /// request is refused too, by at most a minute.
    void arrived(const feedback& said) noexcept { answer(said, Engine::read_clock); }
    void arrived(const feedback& said, instant now) noexcept { answer(said, now); }

    /// Sets what the request really took, in units: at least 1. Less gives the rest back; more counts from now on.
    ///
    /// **Errors.** Throws `exception` with `errc::bad_request` for a cost that is none, and `std::bad_alloc`.
    void adjust_cost(std::int64_t actual) { adjust(actual, Engine::read_clock); }
    void adjust_cost(std::int64_t actual, instant now) { adjust(actual, now); }

    /// The body is done: the in-flight slot is free. The destructor does the same; repeating it changes nothing.
    void release() noexcept { end(is_answered_ ? settlement::released : settlement::abandoned, Engine::read_clock); }
    void release(instant now) noexcept { end(is_answered_ ? settlement::released : settlement::abandoned, now); }

    /// The request never left the machine: its entry is removed as if it had not been. After `arrived()` it is a
    /// `release()`: an answered request has left the machine.
    void refund() noexcept { end(is_answered_ ? settlement::released : settlement::refunded, Engine::read_clock); }
    void refund(instant now) noexcept { end(is_answered_ ? settlement::released : settlement::refunded, now); }

    /// Whether it still stands for a request.
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

private:
    friend detail::acquire_step<Engine>;
    friend ticket<Engine>;
    /// From now on it is the permit of `entry_`. **Preconditions.** `n` is referenced for it.
    void stand_for(Engine& engine, typename Engine::node& n) noexcept {
        engine_ = &engine;
        node_ = &n;
    }

    template <class When>
    [[gnu::always_inline]] void answer(const feedback& said, When when) noexcept {
        if (engine_ != nullptr && !std::exchange(is_answered_, true))
            engine_->settle_answered(*node_, entry_, said, when);
    }
    template <class When>
    void adjust(std::int64_t actual, When when) {
        if (engine_ != nullptr)
            engine_->adjust_cost(*node_, entry_, actual, when);
    }
    template <class When>
    void end(settlement how, When when) noexcept {
        if (engine_ != nullptr)
            std::exchange(engine_, nullptr)->settle_ended(*node_, entry_, how, when);
    }

    Engine* engine_ = nullptr;
    typename Engine::node* node_ = nullptr;
    entry entry_;
    bool is_answered_ = false;
};

/// The answer to a request for admission: a permit, or the decision that says why there is none.
template <class Engine>
class [[nodiscard]] admission {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return decision_.granted(); }
    [[nodiscard]] const weir::decision& decision() const noexcept { return decision_; }

    /// Hands the permit out. **Preconditions.** It was granted, and not taken before.
    [[nodiscard]] weir::permit<Engine> take() && noexcept {
        assert(decision_.granted());
        return std::move(permit_);
    }
    /// The permit in place. **Preconditions.** It was granted.
    [[nodiscard]] weir::permit<Engine>& permit() noexcept {
        assert(decision_.granted());
        return permit_;
    }

private:
    friend handle<Engine>;
    friend detail::acquire_step<Engine>;
    friend ticket<Engine>;
    admission() = default;  // not decided yet: the engine fills it in before a caller has it

    weir::decision decision_;
    weir::permit<Engine> permit_;
};

}  // namespace weir
