// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/engine.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/ticket.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/storage/store.hpp"

#include <stop_token>
#include <string_view>
#include <utility>

namespace weir {

template <store Store, observer Observer>
class registry;

/// One key of a registry, found once: the verbs without the lookup.
///
/// **Preconditions.** A default-constructed or moved-from handle may only be assigned, tested and destroyed.
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
        if (engine_ != nullptr)
            node_->release();
    }

    /// Whether it stands for a key.
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

    // ---- the main verbs: as in `registry`

    [[nodiscard]] permit acquire(const acquire_options& a = {}) {
        permit out;
        engine_->acquire_locked(locked(a, Engine::read_clock), a, out);
        return out;
    }
    [[nodiscard]] admission wait_acquire(const acquire_options& a = {}) {
        admission out;
        engine_->wait_locked(locked(a, Engine::read_clock), a, out);
        return out;
    }
    [[nodiscard]] admission try_acquire(const acquire_options& a = {}) { return try_at(a, Engine::read_clock); }
    [[nodiscard]] admission try_acquire(const acquire_options& a, instant now) { return try_at(a, now); }
    [[nodiscard]] decision peek(const acquire_options& a = {}) {
        return engine_->peek_locked(locked(a), a, Engine::read_clock);
    }
    [[nodiscard]] decision peek(const acquire_options& a, instant now) {
        return engine_->peek_locked(locked(a), a, now);
    }

    /// Decides at once on units without a permit: they count from now on, and take no in-flight slot.
    ///
    /// What the network adds between admission and arrival is the caller's to allow for: see `margin`.
    [[nodiscard]] decision admit(const acquire_options& a = {}) { return admit_at(a, Engine::read_clock); }
    [[nodiscard]] decision admit(const acquire_options& a, instant now) { return admit_at(a, now); }

    /// Starts a wait; says whether it was decided at once. As `registry::submit`.
    bool submit(ticket& t, const acquire_options& a = {}) { return submit_at(t, a, Engine::read_clock); }
    bool submit(ticket& t, const acquire_options& a, instant now) { return submit_at(t, a, now); }

    /// As `registry::async_acquire`. **Lifetime.** The handle outlives the await.
    [[nodiscard]] acquisition<handle&> async_acquire(const async_options& o = {}, std::stop_token stop = {},
                                                     resumer resume = {}) {
        return {*this, o, std::move(stop), std::move(resume)};
    }

    // ---- changes

    /// Admits nothing before `until`; says whether the gate moved. It only moves forward, and where the policy's
    /// `gate_scope` is not `key` those of the other roles of the host move with it.
    bool hold_until(instant until) { return engine_->hold(locked(), until, Engine::read_clock); }
    bool hold_until(instant until, instant now) { return engine_->hold(locked(), until, now); }

    /// Takes the key's gate away, by hand; its history stays. False where the store cannot do that, or failed.
    bool open_gate() { return engine_->open_gate(locked(), Engine::read_clock); }
    bool open_gate(instant now) { return engine_->open_gate(locked(), now); }

    /// Admits nothing until `resume`. Requests that wait go on waiting, at most until their deadline. This process
    /// only.
    void pause() { engine_->pause(locked(), true, Engine::read_clock); }
    void resume() { engine_->pause(locked(), false, Engine::read_clock); }
    void resume(instant now) { engine_->pause(locked(), false, now); }

    /// Scales the key's rates by `m`, at once and for the past too.
    void tune(multiplier m) { engine_->tune(locked(), m, Engine::read_clock); }
    void tune(multiplier m, instant now) { engine_->tune(locked(), m, now); }

    // ---- queries

    [[nodiscard]] key_report inspect() { return engine_->report(locked(), Engine::read_clock); }
    [[nodiscard]] key_report inspect(instant now) { return engine_->report(locked(), now); }
    [[nodiscard]] std::string_view host() const noexcept { return node_->host; }
    [[nodiscard]] std::string_view role() const noexcept { return node_->role; }

private:
    template <store Store, observer Observer>
    friend class registry;
    using node = typename Engine::node;
    handle(Engine& engine, node& n) noexcept : engine_(&engine), node_(&n) {}

    template <class When>
    [[nodiscard, gnu::always_inline]] admission try_at(const acquire_options& a, When when) {
        admission out;
        if (!engine_->known_denial(*node_, a, when, out.decision_))
            engine_->try_locked(locked(a, when), a, out);
        return out;
    }
    template <class When>
    [[nodiscard, gnu::always_inline]] decision admit_at(const acquire_options& a, When when) {
        decision out;
        if (!engine_->known_denial(*node_, a, when, out))
            engine_->count_locked(locked(a, when), a, out);
        return out;
    }
    template <class When>
    bool submit_at(ticket& t, const acquire_options& a, When when) {
        Engine::check(node_->host, node_->role, a);
        return engine_->submit(t, a, when, [this]() -> node& { return locked(); });
    }

    [[nodiscard, gnu::always_inline]] node& locked() noexcept {
        node_->lock();
        return *node_;
    }
    /// The key, locked, for a request that is one.
    [[nodiscard, gnu::always_inline]] node& locked(const acquire_options& a) {
        Engine::check(node_->host, node_->role, a);
        return locked();
    }
    /// The same with the time.
    template <class When>
    [[nodiscard, gnu::always_inline]] typename Engine::locked_node locked(const acquire_options& a, When when) {
        Engine::check(node_->host, node_->role, a);
        return engine_->lock_node(*node_, when);
    }

    Engine* engine_ = nullptr;
    node* node_ = nullptr;
};

}  // namespace weir
