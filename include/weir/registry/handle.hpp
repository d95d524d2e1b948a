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
/// **Preconditions.** A default-constructed or moved-from handle may only be assigned, tested and destroyed. **Thread
/// safety.** Several threads may use one handle. **Lifetime.** The registry must outlive it. The key is not forgotten
/// while the handle exists.
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

    /// Whether it has a key.
    [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }

    // ---- the main verbs: as in `registry`

    [[nodiscard]] permit acquire(const acquire_options& a = {}) {
        permit out;
        acquire_step{*engine_, locked(a, Engine::read_clock), a}.acquire(out);
        return out;
    }
    [[nodiscard]] admission wait_acquire(const acquire_options& a = {}) {
        admission out;
        acquire_step{*engine_, locked(a, Engine::read_clock), a}.wait_acquire(out);
        return out;
    }
    [[nodiscard]] admission try_acquire(const acquire_options& a = {}) { return try_at(a, Engine::read_clock); }
    [[nodiscard]] admission try_acquire(const acquire_options& a, instant now) { return try_at(a, now); }
    [[nodiscard]] decision peek(const acquire_options& a = {}) { return peek_at(a, Engine::read_clock); }
    [[nodiscard]] decision peek(const acquire_options& a, instant now) { return peek_at(a, now); }

    /// Decides at once about units without a permit: they count from now on, and take no in-flight slot.
    ///
    /// The caller must allow for the delay of the network between admission and arrival: see `margin`.
    [[nodiscard]] decision admit(const acquire_options& a = {}) { return admit_at(a, Engine::read_clock); }
    [[nodiscard]] decision admit(const acquire_options& a, instant now) { return admit_at(a, now); }

    /// Starts a wait. Returns whether it was decided at once. As `registry::submit`.
    bool submit(ticket& t, const acquire_options& a = {}) { return submit_at(t, a, Engine::read_clock); }
    bool submit(ticket& t, const acquire_options& a, instant now) { return submit_at(t, a, now); }

    /// As `registry::async_acquire`. **Lifetime.** The handle outlives the await.
    [[nodiscard]] acquisition<handle&> async_acquire(const async_options& o = {}, std::stop_token stop = {},
                                                     resumer resume = {}) {
        return {*this, o, std::move(stop), std::move(resume)};
    }

    // ---- changes

    /// Admits nothing before `until`. Returns whether the gate moved; it only moves forward. If the policy's
    /// `gate_scope` is `host`, the gates of the other roles of the host move with it.
    bool hold_until(instant until) { return change(Engine::read_clock).hold(until); }
    bool hold_until(instant until, instant now) { return change(now).hold(until); }

    /// Opens the gate of this key by hand. Its history stays, and so do the gates of other roles and hosts. False if
    /// the store cannot do that, or failed.
    ///
    /// **Effects.** This process admits at once what the history allows. Other processes that share the store find no
    /// gate with their next call to it. A process that knew the gate calls again when the gate would open, or a second
    /// after its last call, whichever comes first.
    bool open_gate() { return change(Engine::read_clock).open_gate(); }
    bool open_gate(instant now) { return change(now).open_gate(); }

    /// Admits nothing until `resume`, in this process only. Requests that wait go on waiting, at most until their
    /// deadline.
    void pause() { change(Engine::read_clock).pause(true); }
    void resume() { change(Engine::read_clock).pause(false); }
    void resume(instant now) { change(now).pause(false); }

    /// Scales the key's rates by `m`. It takes effect at once, also for history.
    void tune(multiplier m) { change(Engine::read_clock).tune(m); }
    void tune(multiplier m, instant now) { change(now).tune(m); }

    // ---- queries

    [[nodiscard]] key_report inspect() { return engine_->report(locked(), Engine::read_clock); }
    [[nodiscard]] key_report inspect(instant now) { return engine_->report(locked(), now); }
    [[nodiscard]] std::string_view host() const noexcept { return node_->host; }
    [[nodiscard]] std::string_view role() const noexcept { return node_->role; }

private:
    template <store Store, observer Observer>
    friend class registry;
    using node = typename Engine::node;
    using acquire_step = detail::acquire_step<Engine>;
    handle(Engine& engine, node& n) noexcept : engine_(&engine), node_(&n) {}

    template <class When>
    [[nodiscard, gnu::always_inline]] admission try_at(const acquire_options& a, When when) {
        admission out;
        if (!detail::known_denial(*engine_, *node_, a, when, out.decision_))
            acquire_step{*engine_, locked(a, when), a}.try_acquire(out);
        return out;
    }
    template <class When>
    [[nodiscard, gnu::always_inline]] decision admit_at(const acquire_options& a, When when) {
        decision out;
        if (!detail::known_denial(*engine_, *node_, a, when, out))
            acquire_step{*engine_, locked(a, when), a}.count(out);
        return out;
    }
    template <class When>
    [[nodiscard]] decision peek_at(const acquire_options& a, When when) {
        decision out;
        acquire_step{*engine_, locked(a, when), a}.peek(out);
        return out;
    }
    template <class When>
    bool submit_at(ticket& t, const acquire_options& a, When when) {
        detail::check_cost(node_->host, node_->role, a.cost);
        return acquire_step::submit(*engine_, t, a, [&] { return engine_->lock_node(*node_, when); });
    }

    template <class When>
    [[nodiscard]] auto change(When when) noexcept {
        return detail::change_step{*engine_, locked(), when};
    }
    [[nodiscard, gnu::always_inline]] node& locked() noexcept {
        node_->lock();
        return *node_;
    }
    /// The key, locked, and the time, after a check of the request.
    template <class When>
    [[nodiscard, gnu::always_inline]] typename Engine::locked_node locked(const acquire_options& a, When when) {
        detail::check_cost(node_->host, node_->role, a.cost);
        return engine_->lock_node(*node_, when);
    }

    Engine* engine_ = nullptr;
    node* node_ = nullptr;
};

}  // namespace weir
