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
#include "weir/limiter/retry_budget.hpp"
#include "weir/observe/observer.hpp"
#include "weir/storage/holder.hpp"
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

/// The options of `limits`, beside a store and a configuration.
struct limits_options {
    /// Makes A-labels of hosts with letters outside ASCII; null = such a host is an error.
    idna_function idna = nullptr;
    /// Gets every event of every key; empty = no observer. Called on the thread that made the event, with no lock held,
    /// and from several threads at once. Its exceptions are ignored.
    std::function<void(const event&)> on_event{};
    /// Called with no lock held if `poll()` must be called earlier than it last returned, so that an event loop does
    /// not sleep too long; empty = no call.
    std::function<void()> on_earlier_wake{};
    /// Resumes every coroutine that awaits an `async_acquire` of this object; empty = on the thread that made the
    /// answer.
    resumer resume{};
};

/// All the keys of a process, on any store: a `registry` without template arguments.
///
/// ```
/// weir::limits limits{configuration};                                     // in this process
/// weir::limits limits{weir::open_store(...).value(), configuration};      // on the store that a configuration names
/// weir::limits::permit permit = limits.acquire("api.crossref.org", "metadata");
/// ```
///
/// Permits, handles and tickets of all `limits` have the same types. So members and parameters of classes that are no
/// templates can have them. The verbs are those of `registry`. A `registry` also has forms that take the time, and its
/// verbs cost less.
///
/// **Thread safety.** All members but the moves. **Lifetime.** It outlives its permits, handles and tickets; a move
/// does not affect them. It starts no thread. **Complexity.** As `registry`, and one or two virtual calls a verb.
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
    /// The same verbs on one key, without a lookup each time. The key is not forgotten while the handle exists.
    [[nodiscard]] handle at(std::string_view host, std::string_view role) { return impl_->at(host, role); }

    /// Calls `fn(permit&)` or `fn()` under a permit, for clients that are not wrapped, and returns its result.
    ///
    /// **Errors.** As `acquire`. An exception of `fn` passes through after the permit is released.
    template <class F>
    decltype(auto) around(std::string_view host, std::string_view role, std::string_view method, F&& fn) {
        permit p = acquire(host, role, {.method = method});
        if constexpr (std::invocable<F, permit&>)
            return std::invoke(std::forward<F>(fn), p);
        else
            return std::invoke(std::forward<F>(fn));
    }

    // ---- waits that do not block

    /// Starts a wait that `poll()` serves. Returns whether it was decided at once; the ticket also reports it.
    ///
    /// **Preconditions.** `t` was not submitted before. **Errors.** As `wait_acquire`.
    bool submit(ticket& t, std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return impl_->submit(t, host, role, a);
    }
    /// The wait of a coroutine: `co_await` returns the `admission`; see `acquisition`. `poll()` serves it, and the
    /// options' `resume` resumes it.
    ///
    /// **Errors.** As `wait_acquire`: errors of the key here, errors of the request in the `co_await`.
    [[nodiscard]] acquisition<handle> async_acquire(std::string_view host, std::string_view role,
                                                    const async_options& o = {}, std::stop_token stop = {}) {
        return {at(host, role), o, std::move(stop), resume_};
    }
    /// Completes every waiter whose time has come, except those for which a thread sleeps.
    ///
    /// **Effects.** Returns when to call it again at the latest; `far_future` if only a change can complete a waiter.
    instant poll() { return impl_->poll(); }
    [[nodiscard]] instant next_wake() { return impl_->next_wake(); }
    /// The time on the store's clock. All instants here are on that clock.
    [[nodiscard]] instant now() const noexcept { return impl_->now(); }

    // ---- requests that are sent again: `http::retrying` calls these; as in `registry`

    void count_first(std::string_view host, std::string_view role, bool is_good) {
        impl_->count_first(host, role, is_good);
    }
    [[nodiscard]] retry_grant take_retry(std::string_view host, std::string_view role, const retry_share& share,
                                         bool was_refused) {
        return impl_->take_retry(host, role, share, was_refused);
    }
    [[nodiscard]] bool wait_for(duration span, const std::stop_token& stop = {}) { return impl_->wait_for(span, stop); }

    // ---- changes

    /// Makes another configuration active. History is kept and counts under the new limits at once.
    ///
    /// **Preconditions.** Not called by a ticket's `on_done`. **Effects.** All or nothing. **Errors.**
    /// `errc::unknown_role` if a key in use has a role that is gone. `errc::bad_configuration` for groups, or with one
    /// line for each fault of the resolution.
    [[nodiscard]] result<void> reload(weir::configuration c) { return impl_->reload(std::move(c)); }
    [[nodiscard]] result<void> reload(const resolution& r) { return impl_->reload(r); }
    /// Sets the policy of one key, above every configuration and every reload. **Errors.** As `registry::set_policy`.
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, policy p) {
        return impl_->set_policy(host, role, std::move(p));
    }
    /// Forgets a key's history, gate and multiplier. Requests in flight still count, unless a shared store forgets them
    /// `too`. An unknown key is no error. As `registry::erase`.
    void erase(std::string_view host, std::string_view role, open_entries what = open_entries::keep) {
        impl_->erase(host, role, what);
    }
    /// Gives the shared store a sign of life if one is due. As `registry::renew`.
    void renew() noexcept { impl_->renew(); }
    /// Admits nothing for a key until `resume`. Requests that wait go on waiting.
    void pause(std::string_view host, std::string_view role) { impl_->pause(host, role); }
    void resume(std::string_view host, std::string_view role) { impl_->resume(host, role); }
    /// Refuses every new request. Requests that wait go on waiting.
    void close() { impl_->close(); }
    /// Waits, at most `timeout`, until no request waits or is in flight. Returns whether that is so.
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
    /// The processes that use the store; empty if the store knows none. **Errors.** `store_error`.
    [[nodiscard]] std::vector<holder_info> holders() { return impl_->holders(); }
    /// How many keys have state.
    [[nodiscard]] std::size_t size() const { return impl_->size(); }
    /// How many requests are in flight over all keys.
    [[nodiscard]] std::int64_t in_flight() const noexcept { return impl_->in_flight(); }
    /// The active configuration.
    [[nodiscard]] weir::configuration configuration() const { return impl_->configuration(); }

private:
    resumer resume_;
    std::unique_ptr<detail::limits_model> impl_;
};

}  // namespace weir
