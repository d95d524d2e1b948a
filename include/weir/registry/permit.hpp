// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/observe/feedback.hpp"
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

/// One admitted request. Call `arrived()` when you have its response headers; destroy it at the end of the body.
///
/// A permit that ends without `arrived()` is *abandoned*: its request may still reach the server. So it counts until T
/// after its end plus a grace: the policy's `abandon_grace`, else the longest latency seen for the key.
///
/// **Thread safety.** One permit belongs to one thread at a time; different permits are independent. **Lifetime.** The
/// registry must outlive it. **Exception safety.** Nothing throws, unless a member says so.
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

    /// The response headers have arrived: the entry counts for T from now. The in-flight slot stays taken until the end
    /// of the body. Only the first call has an effect.
    void arrived() noexcept { arrived(feedback{}); }
    /// The same, with what the response says about the limit. A `retry_after` moves the key's gate, and the gates that
    /// `gate_scope` names. A 429 or 503 without one moves them by a second. Each time the next request is refused too,
    /// the time doubles, up to a minute.
    void arrived(const feedback& said) noexcept { answer(said, Engine::read_clock); }
    void arrived(const feedback& said, instant now) noexcept { answer(said, now); }

    /// Sets the real cost of the request, at least 1. If it is less, the other units are free again; if it is more,
    /// they count from now on.
    ///
    /// **Errors.** Throws `exception` with `errc::bad_request` for a cost below 1, and `std::bad_alloc`.
    void adjust_cost(std::int64_t actual) { adjust(actual, Engine::read_clock); }
    void adjust_cost(std::int64_t actual, instant now) { adjust(actual, now); }

    /// The end of the body: the in-flight slot is free. The destructor does the same; a second call changes nothing.
    void release() noexcept { end(is_answered_ ? settlement::released : settlement::abandoned, Engine::read_clock); }
    void release(instant now) noexcept { end(is_answered_ ? settlement::released : settlement::abandoned, now); }

    /// The request never left the machine: its entry is removed as if it had never existed. After `arrived()` it is a
    /// `release()`, because an answered request has left the machine.
    void refund() noexcept { end(is_answered_ ? settlement::released : settlement::refunded, Engine::read_clock); }
    void refund(instant now) noexcept { end(is_answered_ ? settlement::released : settlement::refunded, now); }

    /// Whether it still has a request.
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

private:
    friend detail::acquire_step<Engine>;
    friend ticket<Engine>;
    /// Makes it the permit of `entry_`. **Preconditions.** `n` has a reference for it.
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

    /// Returns the permit. **Preconditions.** It was granted, and not taken before.
    [[nodiscard]] weir::permit<Engine> take() && noexcept {
        assert(decision_.granted());
        return std::move(permit_);
    }
    /// The permit, without taking it. **Preconditions.** It was granted.
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
