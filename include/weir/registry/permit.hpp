// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/storage/store.hpp"

#include <cassert>
#include <utility>

namespace weir {

template <class Registry>
class handle;

/// One admitted request. Call `arrived()` when its response headers are seen; destroy it when the body is done.
///
/// Destroyed without `arrived()`, it takes the moment of its destruction for the answer: late, and so on the safe side.
///
/// **Thread safety.** One permit belongs to one thread at a time; different permits are independent. **Lifetime.** The registry must
/// outlive it. **Exception safety.** Nothing here throws.
template <class Registry>
class [[nodiscard]] permit {
public:
    permit() = default;
    permit(permit&& other) noexcept
        : registry_(std::exchange(other.registry_, nullptr)), node_(other.node_), entry_(other.entry_) {}
    permit& operator=(permit&& other) noexcept {
        if (this != &other) {
            release();
            registry_ = std::exchange(other.registry_, nullptr);
            node_ = other.node_;
            entry_ = other.entry_;
        }
        return *this;
    }
    ~permit() { release(); }

    /// The response headers are in: the entry counts for T from now. The in-flight place stays taken until the body is done.
    void arrived() noexcept { arrived(feedback{}); }
    /// The same, with what the response said about the limit: a `retry_after` moves the key's gate.
    void arrived(const feedback& said) noexcept {
        if (registry_ != nullptr) registry_->settle_answered(*node_, entry_, said, Registry::read_clock);
    }
    void arrived(const feedback& said, instant now) noexcept {
        if (registry_ != nullptr) registry_->settle_answered(*node_, entry_, said, now);
    }

    /// The body is done: the in-flight place is free. What destruction does; repeating it changes nothing.
    void release() noexcept { end(settlement::released, Registry::read_clock); }
    void release(instant now) noexcept { end(settlement::released, now); }

    /// The request never left the machine: its entry is removed as if it had not been. Only the first of `refund` and `release`
    /// has an effect.
    void refund() noexcept { end(settlement::refunded, Registry::read_clock); }
    void refund(instant now) noexcept { end(settlement::refunded, now); }

    /// Whether it still stands for a request.
    [[nodiscard]] explicit operator bool() const noexcept { return registry_ != nullptr; }

private:
    friend Registry;
    permit(Registry& registry, typename Registry::node& n, const entry& e) noexcept : registry_(&registry), node_(&n), entry_(e) {}

    template <class When>
    void end(settlement how, When when) noexcept {
        if (registry_ != nullptr) std::exchange(registry_, nullptr)->settle_ended(*node_, entry_, how, when);
    }

    Registry* registry_ = nullptr;
    typename Registry::node* node_ = nullptr;
    entry entry_;
};

/// The answer to a request for admission: a permit, or the decision that says why there is none.
template <class Registry>
class [[nodiscard]] admission {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return why_.granted(); }
    [[nodiscard]] const decision& why() const noexcept { return why_; }

    /// Hands the permit out. **Preconditions.** It was granted, and not taken before.
    [[nodiscard]] weir::permit<Registry> take() && noexcept {
        assert(why_.granted());
        return std::move(permit_);
    }
    /// The permit in place. **Preconditions.** It was granted.
    [[nodiscard]] weir::permit<Registry>& permit() noexcept { return permit_; }

private:
    friend Registry;
    friend handle<Registry>;
    explicit admission(const decision& why) noexcept : why_(why) {}
    admission(const decision& why, weir::permit<Registry> p) noexcept : why_(why), permit_(std::move(p)) {}

    decision why_;
    weir::permit<Registry> permit_;
};

}  // namespace weir
