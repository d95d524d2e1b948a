// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/cancellable_wait.hpp"
#include "weir/registry/detail/engine.hpp"
#include "weir/registry/handle.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/ticket.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
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
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// All the keys of a process: the one object that a program makes.
///
/// ```
/// weir::registry limits{weir::memory_store{}, configuration};
/// auto permit = limits.acquire("api.crossref.org", "metadata");
/// ```
///
/// Each verb reads the store's clock once, after it has waited for other threads that use the key. The forms that take
/// `now` use that instead.
///
/// **Thread safety.** All members. **Lifetime.** It outlives its permits, handles and tickets. It starts no thread.
/// **Complexity.** A decision is O(windows) and one hash lookup; `at()` saves the lookup.
template <store Store = memory_store<>, observer Observer = no_observer>
class registry {
    using engine = detail::engine<Store, Observer>;
    using acquire_step = detail::acquire_step<engine>;

public:
    using permit = weir::permit<engine>;
    using admission = weir::admission<engine>;
    using handle = weir::handle<engine>;
    using ticket = weir::ticket<engine>;

    struct options {
        /// Makes A-labels of hosts with letters outside ASCII; null = such a host is an error.
        idna_function idna = nullptr;
        /// Called when `poll()` must be called earlier than it last returned, for an event loop that sleeps until then.
        /// It is called on the thread that made the change, with no lock held. It must not block for long.
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
    [[nodiscard]] permit acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        detail::check_cost(host, role, a.cost);
        permit out;
        acquire_step{engine_, engine_.lock_node(host, role, engine::read_clock), a}.acquire(out);
        return out;
    }

    /// Waits at most `max_delay`; a denial is a value.
    ///
    /// **Errors.** Throws `exception` with `errc::unknown_role`, `bad_host` or `bad_request`.
    [[nodiscard]] admission wait_acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        detail::check_cost(host, role, a.cost);
        admission out = acquire_step::undecided();
        acquire_step{engine_, engine_.lock_node(host, role, engine::read_clock), a}.wait_acquire(out);
        return out;
    }

    /// Decides at once and never waits. **Errors.** As `wait_acquire`.
    [[nodiscard]] admission try_acquire(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        detail::check_cost(host, role, a.cost);
        admission out = acquire_step::undecided();
        acquire_step{engine_, engine_.lock_node(host, role, engine::read_clock), a}.try_acquire(out);
        return out;
    }
    [[nodiscard]] admission try_acquire(std::string_view host, std::string_view role, const acquire_options& a,
                                        instant now) {
        detail::check_cost(host, role, a.cost);
        admission out = acquire_step::undecided();
        acquire_step{engine_, engine_.lock_node(host, role, now), a}.try_acquire(out);
        return out;
    }

    /// Decides at once about units without a permit: as `handle::admit`. **Errors.** As `wait_acquire`.
    [[nodiscard]] decision admit(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        return admit_at(host, role, a, engine::read_clock);
    }
    [[nodiscard]] decision admit(std::string_view host, std::string_view role, const acquire_options& a, instant now) {
        return admit_at(host, role, a, now);
    }

    /// The same verbs on one key, without a lookup each time. The key is not forgotten while the handle exists.
    [[nodiscard]] handle at(std::string_view host, std::string_view role) {
        auto& n = engine_.lock_node(host, role);
        const std::lock_guard guard{n, std::adopt_lock};
        ++n.key.references;
        return handle{engine_, n};
    }

    /// Calls `fn(permit&)` or `fn()` under a permit, for clients that are not wrapped, and returns its result.
    ///
    /// The end of `fn` counts as the answer, unless `fn` called `arrived()`. **Errors.** As `acquire`. An exception of
    /// `fn` passes through after the permit is released.
    template <class F>
    decltype(auto) around(std::string_view host, std::string_view role, std::string_view method, F&& fn) {
        permit p = acquire(host, role, {.method = method});
        const answered_unless_thrown answered{p};
        if constexpr (std::invocable<F, permit&>)
            return std::invoke(std::forward<F>(fn), p);
        else
            return std::invoke(std::forward<F>(fn));
    }

    /// What `try_acquire` would answer now, without taking anything. **Errors.** As `wait_acquire`. A shared store is
    /// only read. It does not report when a full window has room, so `retry_at` is then the time of the call.
    [[nodiscard]] decision peek(std::string_view host, std::string_view role, const acquire_options& a = {}) {
        detail::check_cost(host, role, a.cost);
        decision out;
        acquire_step{engine_, engine_.lock_node(host, role, engine::read_clock), a}.peek(out);
        return out;
    }
    [[nodiscard]] decision peek(std::string_view host, std::string_view role, const acquire_options& a, instant now) {
        detail::check_cost(host, role, a.cost);
        decision out;
        acquire_step{engine_, engine_.lock_node(host, role, now), a}.peek(out);
        return out;
    }

    // ---- without blocking

    /// Starts a wait that `poll()` serves. Returns whether it was decided at once. The ticket calls back in any case. A
    /// stop request cancels it.
    ///
    /// **Preconditions.** `t` was not submitted before. **Errors.** As `wait_acquire`; then `t` was not submitted.
    bool submit(ticket& t, std::string_view host, std::string_view role, const acquire_options& a = {}) {
        detail::check_cost(host, role, a.cost);
        return acquire_step::submit(engine_, t, a, [&] { return engine_.lock_node(host, role, engine::read_clock); });
    }
    bool submit(ticket& t, std::string_view host, std::string_view role, const acquire_options& a, instant now) {
        detail::check_cost(host, role, a.cost);
        return acquire_step::submit(engine_, t, a, [&] { return engine_.lock_node(host, role, now); });
    }

    /// The wait of a coroutine: `co_await limits.async_acquire(host, role)` returns an `admission`. `poll()` serves it.
    ///
    /// **Errors.** As `wait_acquire`: errors of the key here, errors of the request in the `co_await`.
    [[nodiscard]] acquisition<handle> async_acquire(std::string_view host, std::string_view role,
                                                    const async_options& o = {}, std::stop_token stop = {},
                                                    resumer resume = {}) {
        return {at(host, role), o, std::move(stop), std::move(resume)};
    }

    /// Completes every ticket whose time has come, and calls it.
    ///
    /// **Effects.** Returns when to call it again at the latest; `far_future` if only a change can complete a ticket.
    /// If a change makes that time earlier, `options::on_earlier_wake` is called.
    ///
    /// It also gives the shared store a sign of life if one is due, as every verb and every waiter does.
    instant poll() { return engine_.poll(engine_.store().now()); }
    instant poll(instant now) { return engine_.poll(now); }
    [[nodiscard]] instant next_wake() const noexcept { return const_cast<engine&>(engine_).wakes().earliest(); }

    /// Gives the shared store a sign of life if one is due, at most every third of its `holder_ttl`. For a program with
    /// long requests in flight that calls nothing else. Otherwise other machines could take its requests for ended.
    void renew() noexcept { engine_.renew(); }

    // ---- requests that are sent again: `http::retrying` calls these

    /// Counts a request that was sent for the first time: `retry_budget::count_first`. **Errors.** As `wait_acquire`.
    void count_first(std::string_view host, std::string_view role, bool is_good) {
        const handle h = at(host, role);
        retries_.count_first(h.host(), h.role(), is_good, engine_.store().now());
    }
    /// Takes what a request needs to be sent again: `retry_budget::take`. **Errors.** As `wait_acquire`.
    [[nodiscard]] retry_grant take_retry(std::string_view host, std::string_view role, const retry_share& share,
                                         bool was_refused) {
        const handle h = at(host, role);
        return retries_.take(h.host(), h.role(), share, was_refused, engine_.store().now());
    }
    /// Waits as a waiter of a queue does, with signs of life for the shared store. Returns false if a stop was
    /// requested before the end, or if the registry is closed.
    [[nodiscard]] bool wait_for(duration span, const std::stop_token& stop = {}) {
        return detail::cancellable_wait(engine_, span, stop);
    }

    // ---- changes

    /// Makes another configuration active. History is kept and counts under the new limits at once. Waiters are
    /// assessed again.
    ///
    /// **Preconditions.** Not called by a ticket's `on_done`. **Effects.** All or nothing: nothing changes if a key in
    /// use has a role that `c` does not declare, or if its hosts would leave or enter a group. The observer gets an
    /// event in both cases. **Errors.** `errc::unknown_role`; `errc::bad_configuration` for the groups, with the key in
    /// the message. **Complexity.** O(keys), and O(waiters) for keys with waiters. Policies are looked up with nothing
    /// locked, then keys are locked one by one. So no caller waits longer than for the queue of its own key.
    [[nodiscard]] result<void> reload(weir::configuration c) {
        return engine_.reload(std::move(c), engine::read_clock);
    }
    [[nodiscard]] result<void> reload(weir::configuration c, instant now) { return engine_.reload(std::move(c), now); }
    /// The same with the result of several layers. If it has faults it is refused: the old configuration stays active.
    ///
    /// **Errors.** `errc::unknown_role`; `errc::bad_configuration`, whose message has one line for each fault.
    [[nodiscard]] result<void> reload(const resolution& r) { return engine_.reload(r, engine::read_clock); }
    [[nodiscard]] result<void> reload(const resolution& r, instant now) { return engine_.reload(r, now); }

    /// Forgets a key's history, gate and multiplier, in the store too if this process never used the key. An unknown
    /// key is no error.
    ///
    /// Requests in flight still count. With `open_entries::too` a shared store forgets them as well, of all processes:
    /// for a key that died with its holders. Those that have not ended may then make the server see more than a rate. A
    /// store in this process keeps them in any case, because they end by themselves.
    void erase(std::string_view host, std::string_view role, open_entries what = open_entries::keep) {
        if (auto* n = known_node(host, role))
            detail::change_step{engine_, *n, engine::read_clock}.erase(what);
    }
    void erase(std::string_view host, std::string_view role, instant now) {
        if (auto* n = known_node(host, role))
            detail::change_step{engine_, *n, now}.erase(open_entries::keep);
    }

    /// Sets the policy of one key, above every configuration and every later reload, until `clear_policy`. The host is
    /// that of the key: a group's name if the host belongs to one.
    ///
    /// **Errors.** `errc::bad_configuration`, one line for each fault; `errc::unknown_role`; `errc::bad_host`.
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, const policy& p) {
        return engine_.set_policy(host, role, &p, engine::read_clock);
    }
    [[nodiscard]] result<void> clear_policy(std::string_view host, std::string_view role) {
        return engine_.set_policy(host, role, nullptr, engine::read_clock);
    }

    /// Admits nothing for a key until `resume`, in this process. As `handle::pause`.
    void pause(std::string_view host, std::string_view role) { at(host, role).pause(); }
    void resume(std::string_view host, std::string_view role) { at(host, role).resume(); }

    /// Refuses every new request from now on, with cause `closed`. Requests that wait or are in flight go on.
    void close() noexcept { engine_.close(); }
    /// Waits, at most `span`, until no request waits or is in flight. Returns whether that is so. Tickets need `poll()`
    /// during this time.
    [[nodiscard]] bool drain(duration span) { return engine_.drain(span); }

    // ---- queries

    /// The present state of a key; nothing if it has no state. A shared store is read, also if this process never used
    /// the key. If it cannot be read, the report has `error`.
    [[nodiscard]] std::optional<key_report> inspect(std::string_view host, std::string_view role) {
        auto* n = known_node(host, role);
        return n == nullptr ? std::nullopt : std::optional{engine_.report(*n, engine::read_clock)};
    }
    [[nodiscard]] std::optional<key_report> inspect(std::string_view host, std::string_view role, instant now) {
        auto* n = known_node(host, role);
        return n == nullptr ? std::nullopt : std::optional{engine_.report(*n, now)};
    }
    /// Every key that has state, in no order.
    [[nodiscard]] std::vector<key_report> inspect() {
        std::vector<weir::key> keys;
        engine_.nodes().for_each([&](auto& n) { keys.push_back(engine::name_of(n)); });
        std::vector<key_report> out;
        for (const weir::key& k : keys)
            if (auto seen = inspect(k.host, k.role))
                out.push_back(*std::move(seen));
        return out;
    }
    /// The processes that use the store; empty if the store knows none. **Errors.** `store_error`.
    [[nodiscard]] std::vector<holder_info> holders() {
        if constexpr (presence_store<Store>)
            return engine_.store().holders();
        else
            return {};
    }
    /// How many keys have state.
    [[nodiscard]] std::size_t size() { return engine_.nodes().size(); }
    /// How many requests are in flight over all keys.
    [[nodiscard]] std::int64_t in_flight() const noexcept { return const_cast<engine&>(engine_).ceiling().taken(); }
    [[nodiscard]] Store& store() noexcept { return engine_.store(); }
    [[nodiscard]] Observer& observer() noexcept { return engine_.observer(); }
    /// The active configuration.
    [[nodiscard]] weir::configuration configuration() { return engine_.current_rules()->config(); }

private:
    /// Finds a key and locks it. A shared store may have a key that this process does not know; null if the
    /// configuration has no such key.
    [[nodiscard]] typename engine::node* known_node(std::string_view host, std::string_view role) {
        auto* n = engine_.find_node(host, role);
        if constexpr (!Store::is_local) {
            try {
                return n != nullptr ? n : &engine_.lock_node(host, role);
            } catch (const exception&) {
                return nullptr;
            }
        }
        return n;
    }
    template <class When>
    [[nodiscard]] decision admit_at(std::string_view host, std::string_view role, const acquire_options& a, When when) {
        detail::check_cost(host, role, a.cost);
        decision out;
        acquire_step{engine_, engine_.lock_node(host, role, when), a}.count(out);
        return out;
    }

    struct answered_unless_thrown {
        permit& of;
        int before = std::uncaught_exceptions();
        ~answered_unless_thrown() {
            if (std::uncaught_exceptions() == before)
                of.arrived();
        }
    };

    engine engine_;
    retry_budget<Store> retries_{engine_.store()};
};

}  // namespace weir
