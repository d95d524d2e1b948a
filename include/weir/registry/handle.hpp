// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/registry.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/ask.hpp"
#include "weir/storage/store.hpp"

#include <concepts>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

namespace weir {

/// One key of a registry, found once: the verbs without the lookup.
///
/// **Thread safety.** Several threads may use one handle. **Lifetime.** The registry must outlive it; while it lives the key is
/// not forgotten.
template <class Registry>
class handle {
public:
    using permit = weir::permit<Registry>;
    using admission = weir::admission<Registry>;

    handle(handle&& other) noexcept : registry_(std::exchange(other.registry_, nullptr)), node_(other.node_) {}
    handle& operator=(handle&& other) noexcept {
        std::swap(registry_, other.registry_);
        std::swap(node_, other.node_);
        return *this;
    }
    ~handle() {
        if (registry_ == nullptr) return;
        const std::lock_guard guard{*node_};
        --node_->pins;
    }

    // ---- the main verb: as in `registry`

    [[nodiscard]] permit acquire(const ask& a = {}) { return registry_->granted_or_throw(locked(), a); }
    [[nodiscard]] admission wait_acquire(const ask& a = {}) { return registry_->wait_locked(locked(), a); }
    [[nodiscard]] admission try_acquire(const ask& a = {}) { return try_at(a, Registry::read_clock); }
    [[nodiscard]] admission try_acquire(const ask& a, instant now) { return try_at(a, now); }

    /// Decides at once on units that nobody answers for: they count from now on, and hold no place in flight.
    ///
    /// For callers that keep no permit. What the network adds between admission and arrival is theirs: see `margin`.
    [[nodiscard]] decision admit(const ask& a = {}) { return admit_at(a, Registry::read_clock); }
    [[nodiscard]] decision admit(const ask& a, instant now) { return admit_at(a, now); }

    // ---- changes

    /// Admits nothing before `until`; says whether the gate moved. It only moves forward.
    bool hold_until(instant until) {
        node& n = locked();
        const instant now = registry_->store_.now();
        bool moved = false;
        {
            typename Registry::locked_step step{*registry_, n, now};
            moved = n.hold(registry_->store_, registry_->ceiling_, until, now, step.settled);
        }
        if (moved) registry_->tell_gate(n, now, until);
        return moved;
    }

    /// Scales the key's rates by `m`, at once and for the past too.
    void tune(multiplier m) {
        node& n = locked();
        const instant now = registry_->store_.now();
        typename Registry::locked_step step{*registry_, n, now};
        registry_->store_.tune(n.slot(), m);
        n.govern(registry_->store_, registry_->ceiling_, rulebook::make(n.rules().policy, m), now, step.settled);
    }

    // ---- queries

    [[nodiscard]] key_report inspect() {
        node& n = locked();
        const std::lock_guard guard{n, std::adopt_lock};
        return registry_->report(n);
    }
    [[nodiscard]] std::string_view host() const noexcept { return node_->host; }
    [[nodiscard]] std::string_view role() const noexcept { return node_->role; }

private:
    friend Registry;
    using node = typename Registry::node;
    handle(Registry& registry, node& n) noexcept : registry_(&registry), node_(&n) {}

    template <class When>
    [[nodiscard, gnu::always_inline]] admission try_at(const ask& a, When when) {
        if (decision d; registry_->known_denial(*node_, a, when, d)) return admission{d};
        return registry_->try_locked(locked(), a, when);
    }
    template <class When>
    [[nodiscard, gnu::always_inline]] decision admit_at(const ask& a, When when) {
        if (decision d; registry_->known_denial(*node_, a, when, d)) return d;
        return registry_->count_locked(locked(), a, when);
    }

    [[nodiscard]] node& locked() noexcept {
        node_->lock();
        return *node_;
    }

    Registry* registry_;
    node* node_;
};

}  // namespace weir
