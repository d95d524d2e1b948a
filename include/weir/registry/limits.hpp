// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/any_handle.hpp"
#include "weir/registry/any_permit.hpp"
#include "weir/registry/any_ticket.hpp"
#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/limits_model.hpp"
#include "weir/registry/key_report.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/limiter/observer.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// What `limits` may be given beside a store and a configuration.
struct limits_options {
    /// Makes A-labels of hosts with letters outside ASCII; null = such a host is an error.
    idna_function idna = nullptr;
    /// Sees what happens to every key; empty = nobody does. Called on the thread that made the event, with no lock
    /// held, and from several threads at once. What it throws is swallowed.
    std::function<void(const event&)> on_event{};
    /// Called with no lock held when `next_wake()` moves before what `poll()` last returned, so that an event loop
    /// does not sleep too long; empty = nobody is.
    std::function<void()> on_earlier_wake{};
    /// Resumes every coroutine that awaits an `async_acquire` of this object; empty = on the thread that made the
    /// answer.
    resumer resume{};
};

/// All the keys of a process, on whatever store: a `registry` without template arguments.
///
/// ```
/// weir::limits limits{configuration};                                     // in this process
/// weir::limits limits{weir::open_store(...).value(), configuration};      // on the store that a configuration names
/// weir::limits::permit permit = limits.acquire("api.crossref.org", "metadata");
/// ```
///
/// Permits, handles and tickets of all `limits` share their types, so that they can be members and parameters of what
/// is no template. The verbs are those of `registry`, which also has forms that take the time, and costs less a verb.
///
/// **Thread safety.** All members but the moves. **Lifetime.** It outlives its permits, handles and tickets, which a
/// move does not disturb. It starts no thread. **Complexity.** As `registry`, and a virtual call or two a verb.
class limits {
public:
    using permit = any_permit;
    using admission = any_admission;
    using handle = any_handle;
    using ticket = any_ticket;

    using options = limits_options;

    /// On a store in this process.
    explicit limits(weir::configuration c = {}, options o = {})
        : limits(memory_store<>{}, std::move(c), std::move(o)) {}
    /// On `s`: an `any_store`, or any other.
    template <store Store>
    explicit limits(Store s, weir::configuration c = {}, options o = {})
        : resume_(std::move(o.resume)), impl_(std::make_unique<detail::limits_over<Store>>(
                                            std::move(s), std::move(c), detail::event_function{std::move(o.on_event)},
                                            typename registry<Store, detail::event_function>::options{
                                                .idna = o.idna, .on_earlier_wake = std::move(o.on_earlier_wake)})) {}

    // ---- the main verb

    /// Waits at most `max_delay` for a permit.
    ///
    /// **Errors.** Throws `refused` when denied, never or cancelled; `exception` with `errc::unknown_role`, `bad_host`
    /// or `bad_request`.
    [[nodiscard]] permit acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->acquire(host, role, a);
    }
    /// Waits at most `max_delay`; a denial is a value.
    ///
    /// **Errors.** Throws `exception` with `errc::unknown_role`, `bad_host` or `bad_request`.
    [[nodiscard]] admission wait_acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->wait_acquire(host, role, a);
    }
    /// Decides at once and never waits. **Errors.** As `wait_acquire`.
    [[nodiscard]] admission try_acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->try_acquire(host, role, a);
    }
    /// The same verbs on one key without looking it up each time. It keeps the key from being forgotten.
    [[nodiscard]] handle at(std::string_view host, std::string_view role) { return impl_->at(host, role); }

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

    /// Starts a wait that `poll()` serves; says whether it is over at once, as `t` does too.
    ///
    /// **Preconditions.** `t` was not submitted before. **Errors.** As `wait_acquire`.
    bool submit(ticket& t, std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->submit(t, host, role, a);
    }
    /// `co_await` it for the `admission`; see `acquisition`. `poll()` serves it, and the options' `resume` resumes.
    ///
    /// **Errors.** As `wait_acquire`: those of the key here, those of the request in the `co_await`.
    [[nodiscard]] acquisition<handle> async_acquire(std::string_view host, std::string_view role,
                                                    const async_options& o = {}, std::stop_token stop = {}) {
        return {at(host, role), o, std::move(stop), resume_};
    }
    /// Grants, refuses and tells every waiter whose time has come, except those that a thread sleeps behind.
    ///
    /// **Effects.** Returns when to call again at the latest; `far_future` when only a change can move anybody.
    instant poll() { return impl_->poll(); }
    [[nodiscard]] instant next_wake() { return impl_->next_wake(); }
    /// The time on the store's clock, on which all instants here are.
    [[nodiscard]] instant now() const noexcept { return impl_->now(); }

    // ---- changes

    /// Puts another configuration in force. History is kept and counts under the new limits at once.
    ///
    /// **Preconditions.** Not called by a ticket's `on_done`. **Effects.** All or nothing. **Errors.**
    /// `errc::unknown_role` for a key in use whose role is gone; `errc::bad_configuration` for groups, or with a line a
    /// fault of the resolution.
    [[nodiscard]] result<void> reload(weir::configuration c) { return impl_->reload(std::move(c)); }
    [[nodiscard]] result<void> reload(const resolution& r) { return impl_->reload(r); }
    /// Puts `p` in force for one key, until the next reload. **Errors.** As `registry::set_policy`.
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, policy p) {
        return impl_->set_policy(host, role, std::move(p));
    }
    /// Forgets a key's history, gate and multiplier; requests under way still count. Unknown keys are no error.
    void erase(std::string_view host, std::string_view role) { impl_->erase(host, role); }
    /// Admits nothing for a key until `resume`; who waits goes on waiting.
    void pause(std::string_view host, std::string_view role) { impl_->pause(host, role); }
    void resume(std::string_view host, std::string_view role) { impl_->resume(host, role); }
    /// Refuses every new request; who waits already goes on waiting.
    void close() { impl_->close(); }
    /// Waits at most `timeout` until nobody waits and nothing is in flight; says whether it came to that.
    [[nodiscard]] bool drain(duration timeout) { return impl_->drain(timeout); }

    // ---- queries

    /// What `try_acquire` would decide now. Nothing changes.
    [[nodiscard]] decision peek(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->peek(host, role, a);
    }
    /// What a key looks like now; nothing when it has no state.
    [[nodiscard]] std::optional<key_report> inspect(std::string_view host, std::string_view role) {
        return impl_->inspect(host, role);
    }
    /// Every key that has state, in no order.
    [[nodiscard]] std::vector<key_report> inspect() { return impl_->inspect(); }
    /// How many keys have state.
    [[nodiscard]] std::size_t size() const { return impl_->size(); }
    /// How many requests are in flight over all keys.
    [[nodiscard]] std::int64_t in_flight() const noexcept { return impl_->in_flight(); }
    /// The configuration in force.
    [[nodiscard]] weir::configuration configuration() const { return impl_->configuration(); }

private:
    resumer resume_;
    std::unique_ptr<detail::limits_model> impl_;
};

}  // namespace weir
