// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/engine.hpp"
#include "weir/registry/detail/gate_moved.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/ticket.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/ask.hpp"
#include "weir/storage/store.hpp"

#include <concepts>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <utility>

namespace weir {

template <store Store, observer Observer>
class registry;

/// One key of a registry, found once: the verbs without the lookup.
///
/// **Thread safety.** Several threads may use one handle. **Lifetime.** The registry must outlive it; while it lives
/// the key is not forgotten.
template <class Engine>
class handle {
public:
    using permit = weir::permit<Engine>;
    using admission = weir::admission<Engine>;
    using ticket = weir::ticket<Engine>;

    handle() = default;
    handle(handle&& other) noexcept : engine_(std::exchange(other.engine_, nullptr)), node_(other.node_) {}
    handle& operator=(handle&& other) noexcept {
        std::swap(engine_, other.engine_);
        std::swap(node_, other.node_);
        return *this;
    }
    ~handle() {
        if (engine_ == nullptr)
            return;
        const std::lock_guard guard{*node_};
        --node_->pins;
    }

    // ---- the main verb: as in `registry`

    [[nodiscard]] permit acquire(const ask& a = {}) {
        permit out;
        engine_->acquire_locked(locked(), a, out);
        return out;
    }
    [[nodiscard]] admission wait_acquire(const ask& a = {}) {
        admission out;
        engine_->wait_locked(locked(), a, out);
        return out;
    }
    [[nodiscard]] admission try_acquire(const ask& a = {}) { return try_at(a, Engine::read_clock); }
    [[nodiscard]] admission try_acquire(const ask& a, instant now) { return try_at(a, now); }

    /// Decides at once on units that nobody answers for: they count from now on, and hold no place in flight.
    ///
    /// For callers that keep no permit. What the network adds between admission and arrival is theirs: see `margin`.
    [[nodiscard]] decision admit(const ask& a = {}) { return admit_at(a, Engine::read_clock); }
    [[nodiscard]] decision admit(const ask& a, instant now) { return admit_at(a, now); }

    /// As `registry::submit`.
    bool submit(ticket& t, const ask& a = {}) { return engine_->submit_locked(t, locked(), a, Engine::read_clock); }
    bool submit(ticket& t, const ask& a, instant now) { return engine_->submit_locked(t, locked(), a, now); }

    /// As `registry::async_acquire`. **Lifetime.** The handle outlives the await.
    [[nodiscard]] acquisition<handle&> async_acquire(const async_options& o = {}, std::stop_token stop = {},
                                                     resumer resume = {}) {
        return {*this, o, std::move(stop), std::move(resume)};
    }

    [[nodiscard]] decision peek(const ask& a = {}) {
        admission out = try_acquire(a);
        out.permit().refund();
        return out.why();
    }

    // ---- changes

    void open_gate() {}

    /// Admits nothing before `until`; says whether the gate moved. It only moves forward, and where the policy's
    /// `gate_scope` is not `key` those of the other roles of the host move with it.
    bool hold_until(instant until) {
        node& n = locked();
        const instant now = engine_->store_.now();
        bool moved = false;
        gate_reach scope = gate_reach::key;
        {
            typename Engine::locked_step step{*engine_, n};
            moved = n.hold(engine_->store_, engine_->ceiling_, until, now, step.settled);
            scope = n.rules().policy.gate_scope;
        }
        if (moved)
            detail::gate_moved(*engine_, n, scope, until, now);
        return moved;
    }

    /// Scales the key's rates by `m`, at once and for the past too.
    void tune(multiplier m) {
        node& n = locked();
        const instant now = engine_->store_.now();
        typename Engine::locked_step step{*engine_, n};
        n.tune(engine_->store_, m);
        n.govern(engine_->store_, engine_->ceiling_, governed::make(n.rules().policy, m, n.rules().told), now,
                 step.settled);
    }

    // ---- queries

    [[nodiscard]] key_report inspect() {
        node& n = locked();
        const std::lock_guard guard{n, std::adopt_lock};
        return engine_->report(n);
    }
    [[nodiscard]] std::string_view host() const noexcept { return node_->host; }
    [[nodiscard]] std::string_view role() const noexcept { return node_->role; }
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

private:
    template <store Store, observer Observer>
    friend class registry;
    using node = typename Engine::node;
    handle(Engine& engine, node& n) noexcept : engine_(&engine), node_(&n) {}

    template <class When>
    [[nodiscard, gnu::always_inline]] admission try_at(const ask& a, When when) {
        admission out;
        if (!engine_->known_denial(*node_, a, when, out.why_))
            engine_->try_locked(locked(), a, when, out);
        return out;
    }
    template <class When>
    [[nodiscard, gnu::always_inline]] decision admit_at(const ask& a, When when) {
        decision out;
        if (!engine_->known_denial(*node_, a, when, out))
            engine_->count_locked(locked(), a, when, out);
        return out;
    }

    [[nodiscard]] node& locked() noexcept {
        node_->lock();
        return *node_;
    }

    Engine* engine_ = nullptr;
    node* node_ = nullptr;
};

}  // namespace weir
