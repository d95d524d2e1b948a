// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/engine.hpp"
#include "weir/registry/handle.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/ticket.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/ask.hpp"
#include "weir/limiter/observer.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// All the keys of a process: the one object a program makes.
///
/// ```
/// weir::registry limits{weir::memory_store{}, configuration};
/// auto permit = limits.acquire("api.crossref.org", "metadata");
/// ```
///
/// Each verb reads the store's clock inside the key's critical section; the forms that take `now` use it instead.
///
/// **Thread safety.** All members. **Lifetime.** It outlives its permits, handles and tickets. It starts no thread.
/// **Complexity.** A decision is O(windows) and one hash lookup; `at()` saves the lookup.
template <store Store = memory_store<>, observer Observer = no_observer>
class registry {
    using engine = detail::engine<Store, Observer>;

public:
    using permit = weir::permit<engine>;
    using admission = weir::admission<engine>;
    using handle = weir::handle<engine>;
    using ticket = weir::ticket<engine>;

    struct options {
        /// Makes A-labels of hosts with letters outside ASCII; null = such a host is an error.
        idna_function idna = nullptr;
        /// Called with no lock held when `next_wake()` moves before what `poll()` last returned.
        std::function<void()> on_earlier_wake{};
    };

    explicit registry(Store store, weir::configuration c = {}, Observer o = {}, options opts = {})
        : engine_(std::move(store), std::move(c), std::move(o), opts.idna, std::move(opts.on_earlier_wake)) {}
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;

    // ---- the main verb

    /// Waits at most `max_delay` for a permit.
    ///
    /// **Errors.** Throws `refused` when denied, never or cancelled; `exception` with `errc::unknown_role`, `bad_host`
    /// or `bad_request`.
    [[nodiscard]] permit acquire(std::string_view host, std::string_view role, const ask& a = {}) {
        permit out;
        engine_.acquire_locked(engine_.lock_node(host, role), a, out);
        return out;
    }

    /// Waits at most `max_delay`; a denial is a value.
    ///
    /// **Errors.** Throws `exception` with `errc::unknown_role`, `bad_host` or `bad_request`.
    [[nodiscard]] admission wait_acquire(std::string_view host, std::string_view role, const ask& a = {}) {
        admission out = engine::undecided();
        engine_.wait_locked(engine_.lock_node(host, role), a, out);
        return out;
    }

    /// Decides at once and never waits. **Errors.** As `wait_acquire`.
    [[nodiscard]] admission try_acquire(std::string_view host, std::string_view role, const ask& a = {}) {
        admission out = engine::undecided();
        engine_.try_locked(engine_.lock_node(host, role), a, engine::read_clock, out);
        return out;
    }
    [[nodiscard]] admission try_acquire(std::string_view host, std::string_view role, const ask& a, instant now) {
        admission out = engine::undecided();
        engine_.try_locked(engine_.lock_node(host, role), a, now, out);
        return out;
    }

    /// The same verbs on one key without looking it up each time. It keeps the key from being forgotten.
    [[nodiscard]] handle at(std::string_view host, std::string_view role) {
        auto& n = engine_.lock_node(host, role);
        const std::lock_guard guard{n, std::adopt_lock};
        ++n.pins;
        return handle{engine_, n};
    }

    /// Runs `fn(permit&)` or `fn()` under a permit, for clients that are not wrapped, and returns what it returns.
    ///
    /// **Errors.** As `acquire`; what `fn` throws passes through after the permit is released.
    template <class F>
    decltype(auto) around(std::string_view host, std::string_view role, std::string_view method, F&& fn) {
        permit p = acquire(host, role, {.method = method});
        if constexpr (std::invocable<F, permit&>)
            return std::invoke(std::forward<F>(fn), p);
        else
            return std::invoke(std::forward<F>(fn));
    }

    // ---- time, for those who do not block

    /// Starts a wait that `poll()` serves; `t` tells when it is over, which may be at once. Its stop token is not
    /// looked at: use `t.cancel()`.
    ///
    /// **Preconditions.** `t` was not submitted before. **Errors.** As `wait_acquire`.
    bool submit(ticket& t, std::string_view host, std::string_view role, const ask& a = {}) {
        return engine_.submit_locked(t, engine_.lock_node(host, role), a, engine::read_clock);
    }
    bool submit(ticket& t, std::string_view host, std::string_view role, const ask& a, instant now) {
        return engine_.submit_locked(t, engine_.lock_node(host, role), a, now);
    }

    /// The wait of a coroutine: `co_await limits.async_acquire(host, role)` gives an `admission`. `poll()` serves it.
    ///
    /// **Errors.** As `wait_acquire`: of the key here, of the request in the `co_await`.
    [[nodiscard]] acquisition<handle> async_acquire(std::string_view host, std::string_view role,
                                                    const async_options& o = {}, std::stop_token stop = {},
                                                    resumer resume = {}) {
        return {at(host, role), o, std::move(stop), std::move(resume)};
    }

    /// Grants, refuses and tells every waiter whose time has come, except those that a thread sleeps behind.
    ///
    /// **Effects.** Returns when to call again at the latest; `far_future` when only a change can move anybody.
    instant poll() { return engine_.poll(engine_.store_.now()); }
    instant poll(instant now) { return engine_.poll(now); }
    [[nodiscard]] instant next_wake() { return engine_.wakes_.earliest(); }

    // ---- changes

    /// Puts another configuration in force. History is kept and counts under the new limits at once; waiters are
    /// re-planned.
    ///
    /// **Preconditions.** Not called by a ticket's `on_done`. **Effects.** All or nothing: when a key in use has a role
    /// that `c` does not declare, or its hosts would leave or enter a group, nothing changes. The observer is told
    /// either way. **Errors.** `errc::unknown_role`; `errc::bad_configuration` for the groups, naming the key.
    /// **Complexity.** O(keys), and O(waiters) where somebody waits. Policies are looked up with nothing locked, then
    /// keys are locked one by one: nobody waits for more than the queue of their own key.
    [[nodiscard]] std::optional<error> reload(weir::configuration c) {
        return engine_.reload(std::move(c), engine::read_clock);
    }
    [[nodiscard]] std::optional<error> reload(weir::configuration c, instant now) {
        return engine_.reload(std::move(c), now);
    }
    /// The same with what a stack of layers came to. With faults it is refused: the old configuration stays.
    ///
    /// **Errors.** `errc::unknown_role`; `errc::bad_configuration`, whose message has one line a fault.
    [[nodiscard]] std::optional<error> reload(const resolution& r) { return engine_.reload(r, engine::read_clock); }
    [[nodiscard]] std::optional<error> reload(const resolution& r, instant now) { return engine_.reload(r, now); }

    [[nodiscard]] result<void> set_policy(std::string_view, std::string_view, policy) { return {}; }
    void pause(std::string_view host, std::string_view role) { at(host, role).hold_until(far_future); }
    void resume(std::string_view host, std::string_view role) { at(host, role).open_gate(); }
    void close() noexcept {}
    [[nodiscard]] bool drain(duration) { return in_flight() == 0; }
    [[nodiscard]] decision peek(std::string_view host, std::string_view role, const ask& a = {}) {
        return at(host, role).peek(a);
    }

    /// Forgets a key's history, gate and multiplier; requests under way still count. Unknown keys are no error.
    void erase(std::string_view host, std::string_view role) { engine_.erase(host, role); }

    // ---- queries

    /// What a key looks like now; nothing when it has no state.
    [[nodiscard]] std::optional<key_report> inspect(std::string_view host, std::string_view role) {
        auto* n = engine_.find_node(host, role);
        if (n == nullptr)
            return std::nullopt;
        const std::lock_guard guard{*n, std::adopt_lock};
        ++n->pins;
        key_report out = engine_.report(*n);
        --n->pins;
        return out;
    }
    /// Every key that has state, in no order.
    [[nodiscard]] std::vector<key_report> inspect() {
        std::vector<weir::key> keys;
        engine_.nodes_.for_each([&](auto& n) { keys.push_back({n.host, n.role}); });
        std::vector<key_report> out;
        for (const weir::key& k : keys)
            if (auto seen = inspect(k.host, k.role))
                out.push_back(*std::move(seen));
        return out;
    }
    /// How many keys have state.
    [[nodiscard]] std::size_t size() { return engine_.nodes_.size(); }
    /// How many requests are in flight over all keys.
    [[nodiscard]] std::int64_t in_flight() const noexcept { return engine_.ceiling_.taken(); }
    [[nodiscard]] Store& store() noexcept { return engine_.store_; }
    [[nodiscard]] Observer& observer() noexcept { return engine_.tell_.to; }
    /// The configuration in force.
    [[nodiscard]] weir::configuration configuration() { return engine_.current_rules()->config(); }

private:
    engine engine_;
};

}  // namespace weir
