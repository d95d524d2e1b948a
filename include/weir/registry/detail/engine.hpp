// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/acquire_step.hpp"
#include "weir/registry/detail/active_rules.hpp"
#include "weir/registry/detail/apply_response.hpp"
#include "weir/registry/detail/change_step.hpp"
#include "weir/registry/detail/event_emitter.hpp"
#include "weir/registry/detail/locked_step.hpp"
#include "weir/registry/detail/node.hpp"
#include "weir/registry/detail/reload.hpp"
#include "weir/registry/key_report.hpp"
#include "weir/registry/key_table.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/rules_cache.hpp"
#include "weir/registry/wake_list.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/observe/feedback.hpp"
#include "weir/observe/observer.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

namespace weir {

template <class Engine>
class ticket;

namespace detail {

/// What a registry, its permits, handles and tickets share: the keys and the steps on them.
///
/// What happens to a key is a step: `acquire_step`, `apply_response`, `change_step`, `reload_step`. `locked_step` is
/// the only thing that ends one.
template <store Store, observer Observer>
class engine {
public:
    using permit = weir::permit<engine>;
    using admission = weir::admission<engine>;
    using ticket = weir::ticket<engine>;
    using node = detail::node<Store>;
    using store_type = Store;

    engine(Store store, weir::configuration c, Observer o, idna_function idna, std::function<void()> on_earlier_wake)
        : store_(std::move(store)), events_{std::move(o)}, idna_(idna), on_earlier_wake_(std::move(on_earlier_wake)),
          rules_(std::make_shared<rules_cache>(std::move(c), std::make_shared<policy_overrides>())),
          ceiling_(rules_.current()->config().global_max_inflight()) {}
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    ~engine() {
        if constexpr (!Store::is_local)
            give_back_leases();
    }

    static constexpr bool is_local = Store::is_local;
    static constexpr bool is_observed = !std::is_same_v<Observer, no_observer>;

    // ---- time

    /// Stands for "read the store's clock" where an instant could be given.
    struct read_clock_t {};
    static constexpr read_clock_t read_clock{};
    [[nodiscard]] instant time(read_clock_t) const noexcept { return store_.now(); }
    [[nodiscard]] static instant time(instant now) noexcept { return now; }

    /// The same for decisions. Inlined, because a call would take longer than reading the counter.
    [[nodiscard, gnu::always_inline]] instant time_inline(read_clock_t) const noexcept { return store_.now(); }
    [[nodiscard, gnu::always_inline]] static instant time_inline(instant now) noexcept { return now; }

    // ---- steps

    using locked_step = detail::locked_step<engine>;
    using step_reference = detail::step_reference<node>;

    // ---- keys

    [[nodiscard]] std::shared_ptr<rules_cache> current_rules() { return rules_.current(); }

    [[nodiscard]] result<std::string> canonical(std::string_view host) const { return canonical_host(host, idna_); }

    /// Finds a key and locks it; null when it has no state.
    [[nodiscard]] node* find_node(std::string_view host, std::string_view role) {
        if (node* n = nodes_.find_locked(host, role))
            return n;
        const auto known = canonical(host);
        if (!known)
            return nullptr;
        const auto book = current_rules();
        const std::string_view owner = book->config().key_host(*known);
        return owner == host ? nullptr : nodes_.find_locked(owner, role);
    }

    /// Finds or makes a key and locks it. Keys are stored by canonical host: a text that is found as it stands is
    /// canonical, and most are.
    [[nodiscard]] node& lock_node(std::string_view host, std::string_view role) {
        if (node* n = nodes_.find_locked(host, role)) [[likely]]
            return *n;
        return make_node(canonical(host).value(), role);
    }

    /// A locked key, and the time of the step that is to come.
    struct locked_node {
        node& at;
        instant now;
    };
    /// The same for a step. The time is read while the processor fetches the key's memory, and again if the key's lock
    /// was not free.
    template <class When>
    [[nodiscard, gnu::always_inline]] locked_node lock_node(std::string_view host, std::string_view role, When when) {
        instant now;
        node* const n = nodes_.find_locked(host, role, [&] { now = time_inline(when); }, [&] { now = time(when); });
        if (n != nullptr) [[likely]]
            return {*n, now};
        node& made = make_node(canonical(host).value(), role);
        return {made, time(when)};
    }
    /// The same for a known key. The time is read before the lock, because the processor then does both at once.
    template <class When>
    [[nodiscard, gnu::always_inline]] locked_node lock_node(node& n, When when) const noexcept {
        instant now = time_inline(when);
        if (n.lock_or_wait()) [[unlikely]]
            now = time(when);
        return {n, now};
    }

    [[nodiscard]] node& make_node(std::string_view host, std::string_view role) {
        for (;;) {
            const auto book = current_rules();
            const std::string_view owner = book->config().key_host(host);
            if (node* n = nodes_.find_locked(owner, role)) {
                // Else a reload may have given the host to another key.
                if (book == current_rules())
                    return *n;
                n->unlock();
                continue;
            }
            auto rules = book->rules_for(owner, role, {}).value();
            const instant now = store_.now();
            making may = making::outdated;
            node* n = nodes_.insert_locked(
                owner, role,
                [&] {
                    may = rules_.may_make(book, owner);
                    return may == making::allowed
                               ? node::make(owner, role, std::move(rules), store_.make_slot(owner, role))
                               : nullptr;
                },
                [&](const node& other) { return !other.is_in_use(store_, now); });
            if (may == making::allowed || (n != nullptr && book == current_rules()))
                return *n;
            if (n != nullptr)
                n->unlock();
            else if (may == making::held_off)
                const std::lock_guard until_reloaded{reload_mutex_};
        }
    }

    [[nodiscard]] static weir::key name_of(const node& n) { return {std::string{n.host}, std::string{n.role}}; }
    template <class When>
    [[nodiscard]] key_report report(node& n, When when) {
        locked_step step{*this, n, time(when)};
        const step_reference stays{n};  // reading may release the lock
        std::string error;
        key_snapshot state;
        if constexpr (is_local)
            state = n.log.read(step.at);
        else
            state = n.log.read(step.at, error);
        return {name_of(n), n.key.rules->policy, std::move(state), n.key.waiting(), n.key.is_paused, std::move(error)};
    }

    template <class When>
    bool cancel(node& n, waiter& w, When when) noexcept {
        n.lock();
        locked_step step{*this, n, time(when)};
        return n.log.cancel(step.at, w);
    }

    // ---- settlements

    template <class When>
    void settle_answered(node& n, entry& e, const feedback& said, When when) noexcept {
        apply_response{*this, n}(e, said, when);
    }

    template <class When>
    void settle_ended(node& n, entry& e, settlement how, When when) noexcept {
        const bool has_freed = e.in_flight && ceiling_.give_back();
        n.lock();
        const bool may_be_probe = n.key.is_half_open && how != settlement::released;
        const bool needs_time = has_freed || may_be_probe || how == settlement::abandoned || n.log.needs_time(e, how);
        const instant now = needs_time ? time(when) : long_ago;
        {
            locked_step step{*this, n, now};
            if (how == settlement::abandoned) [[unlikely]]
                e.grace = grace_of(n, e, now);
            if (may_be_probe) [[unlikely]]
                lose_probe(n, e, step.at);
            n.log.settle(step.at, e, how);
            --n.key.references;
        }
        if (has_freed) [[unlikely]]
            serve_line(now);
    }

    template <class When>
    void adjust_cost(node& n, entry& e, std::int64_t cost, When when) {
        check_cost(n.host, n.role, cost);
        n.lock();
        locked_step step{*this, n, time(when)};
        if (e.cost == 0 || cost == e.cost)
            return;
        if (cost < e.cost)
            n.log.reduce(step.at, e, cost);
        else
            n.log.charge(step.at, cost - e.cost);
    }

    /// Serves the keys that wait for an in-flight slot, in their order, while there are slots.
    void serve_line(instant now) noexcept {
        while (ceiling_waiter* waiting = ceiling_.next_turn()) {
            node& n = node::of(*waiting);
            n.lock();
            locked_step step{*this, n, now};
            n.log.serve_turn(step.at);
            n.log.finish(step.at);
            ceiling_.end_turn(*waiting, n.key.lacks_slot);
            if (!n.key.lacks_slot)
                --n.key.references;
        }
    }

    // ---- time passes

    /// Gives the sign of life that is due. A failure is not reported: the next verb meets it too.
    void renew() noexcept {
        if constexpr (presence_store<Store>) {
            if (store_.now() < store_.next_renewal()) [[likely]]
                return;
            try {
                store_.renew();
            } catch (...) {  // NOLINT
            }
        }
    }
    /// How long a caller may sleep that would sleep for `span`, so that this process does not seem dead.
    [[nodiscard]] duration sleep_at_most(duration span) const noexcept {
        if constexpr (presence_store<Store>)
            return std::clamp(store_.next_renewal() - store_.now(), duration::zero(), std::max(span, duration::zero()));
        else
            return span;
    }

    instant poll(instant now) {
        renew();
        while (wake_entry* due = wakes_.next_due(now)) {
            node& n = node::of(*due);
            n.lock();
            serve_due(n, now, nullptr);
            n.release();
        }
        return std::min(wakes_.announce(), tend(false));
    }
    /// Lets a store send what it keeps back for its next call: all of it if the caller falls idle, else what is due.
    /// Returns when that is needed again.
    instant tend(bool is_idle) noexcept {
        if constexpr (requires { store_.tend(is_idle); }) {
            try {
                return store_.tend(is_idle);
            } catch (const std::exception&) {
                // The store keeps it, and the next verb reports the failure.
            }
        }
        return far_future;
    }

    /// Does what time and the store allow for those that wait. **Preconditions.** `n` is locked and referenced.
    /// **Effects.** Unlocks it; returns when the thread behind `self` has to look again, absent once it is out.
    std::optional<instant> serve_due(node& n, instant now, const waiter* self) {
        adjustment tuned;
        std::optional<instant> again;
        {
            locked_step step{*this, n, now};
            if (n.key.next_tune() <= now) [[unlikely]]
                tuned = apply_response{*this, n}.tune(step.at);
            n.log.serve_due(step.at, self);
            n.log.finish(step.at);
            now = step.at.now;
            if (self != nullptr && wait_queue::is_queued(*self))
                again = n.log.wake_of(*self);
        }
        if (tuned) [[unlikely]]
            events_.tuned(n, tuned, now);
        return again;
    }

    // ---- changes

    template <class When>
    [[nodiscard]] result<void> reload(weir::configuration c, When when) {
        result<void> out;
        {
            const std::lock_guard one_at_a_time{reload_mutex_};
            auto fresh = std::make_shared<rules_cache>(std::move(c), current_rules()->overrides());
            reload_step step{*this, std::move(fresh), ++reloads_, when};
            out = step();
        }
        events_.reloaded(out ? std::string_view{} : out.error().message, time(when));
        return out;
    }
    template <class When>
    [[nodiscard]] result<void> reload(const resolution& r, When when) {
        if (r)
            return reload(*r, when);
        error refusal = refusal_of(r);
        events_.reloaded(refusal.message, time(when));
        return refusal;
    }

    /// Sets the policy of one key, or with null goes back to the configuration's.
    template <class When>
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, const policy* p, When when) {
        const std::lock_guard one_at_a_time{reload_mutex_};
        return detail::set_policy(*this, host, role, p, when);
    }

    void close() noexcept { is_closed_.store(true); }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_.load(std::memory_order_relaxed); }
    /// Waits until no request waits or is in flight, at most `span`; says whether that is so.
    [[nodiscard]] bool drain(duration span) {
        using std::chrono::steady_clock;
        const auto end = steady_clock::now() + std::min<duration>(span, std::chrono::hours{24 * 365});
        for (;;) {
            const auto left = std::chrono::duration_cast<duration>(end - steady_clock::now());
            if (!ceiling_.wait_until_empty(std::max(left, duration{})))
                return false;
            std::size_t waiting = 0;
            nodes_.for_each([&](node& n) { waiting += n.key.waiting(); });
            if (waiting == 0 && ceiling_.taken() == 0)
                return true;
            if (left <= duration::zero())
                return false;
            std::this_thread::sleep_for(std::min<duration>(left, std::chrono::milliseconds{5}));
        }
    }

    // ---- state

    [[nodiscard]] Store& store() noexcept { return store_; }
    [[nodiscard]] Observer& observer() noexcept { return events_.to; }
    [[nodiscard]] detail::event_emitter<Observer>& events() noexcept { return events_; }
    [[nodiscard]] inflight_ceiling& ceiling() noexcept { return ceiling_; }
    [[nodiscard]] wake_list& wakes() noexcept { return wakes_; }
    [[nodiscard]] key_table<node>& nodes() noexcept { return nodes_; }
    [[nodiscard]] active_rules& rules() noexcept { return rules_; }

private:
    friend locked_step;

    /// Ends a step: serves the queue once if anything has changed for it, unlocks, and does what needs no lock.
    [[gnu::always_inline]] void end(node& n, key_step<Store>& s) noexcept {
        n.log.finish(s);
        bool is_earlier = false;
        if (n.key.room != nullptr) [[unlikely]]
            is_earlier = update_wake(n);
        if constexpr (is_local) {
            n.unlock();
            if (!s.done.empty() || is_earlier) [[unlikely]]
                after_step(s.done, is_earlier);
        } else {
            const std::string failure = n.log.take_store_error();
            std::optional<store_notice> notice;
            if constexpr (requires { store_.take_notice(); })
                notice = store_.take_notice();
            if (!failure.empty() || notice)
                ++n.key.references;  // the event names the key
            n.unlock();
            after_step(s.done, is_earlier);
            if (s.has_freed)
                serve_line(store_.now());
            if constexpr (requires { store_.take_notice(); })
                for (auto more = notice; more; more = store_.take_notice())
                    events_.store_noticed(n, *more, store_.now());
            if (!failure.empty())
                events_.store_failed(n, failure, store_.now());
            if (!failure.empty() || notice)
                n.release();
        }
    }
    [[gnu::noinline]] void after_step(completions& done, bool is_earlier) noexcept {
        done.call();
        if (is_earlier && on_earlier_wake_) {
            try {
                on_earlier_wake_();
            } catch (...) {  // NOLINT: the waker's failure is its own
            }
        }
    }
    /// Brings the wake list in line with when `poll()` has to serve the key; says whether that is earlier than said.
    [[gnu::noinline]] bool update_wake(node& n) noexcept {
        wake_entry& entry = n.key.room->wake;
        const bool is_polled = n.log.is_polled();
        if (!is_polled && entry.at == far_future)
            return false;
        const auto out = wakes_.set(entry, is_polled ? n.log.next_due() : far_future);
        n.key.references += static_cast<std::uint32_t>(out.references);
        return out.is_earlier;
    }

    /// Another probe may be sent if this request was the probe: it ends without an answer.
    void lose_probe(node& n, const entry& e, key_step<Store>& s) noexcept {
        const instant admitted = e.stamp;
        if (n.key.pause.is_half_open() && n.key.pause.is_new(admitted))
            n.log.change_pause(s, [&](refusal_pause& p) { p.lose_probe(admitted, s.now); });
    }

    /// How long after its end a request without an answer may still arrive at the server: what the policy says, or the
    /// longest latency that was seen of the key, this request's among them.
    [[nodiscard]] static duration grace_of(const node& n, const entry& e, instant now) noexcept {
        constexpr duration max = std::chrono::minutes{1};
        const auto& stated = n.key.rules->policy.abandon_grace;
        const duration own = e.state == entry_state::open ? now - e.stamp : duration::zero();
        return stated ? *stated : std::min(max, std::max(own, n.key.longest_latency));
    }

    void give_back_leases() noexcept {
        bool gave = false;
        nodes_.for_each([&](node& n) {
            key_step<Store> s{store_, ceiling_, store_.now()};
            gave |= n.log.end_leases(s);
        });
        if constexpr (requires { store_.flush(); }) {
            try {
                if (gave)
                    store_.flush();
            } catch (const std::exception&) {
                // What could not be given back expires.
            }
        }
    }

    Store store_;
    [[no_unique_address]] event_emitter<Observer> events_;
    idna_function idna_;
    std::function<void()> on_earlier_wake_;
    std::mutex reload_mutex_;
    std::uint32_t reloads_ = 0;
    active_rules rules_;
    inflight_ceiling ceiling_;
    std::atomic<bool> is_closed_{false};
    wake_list wakes_;
    key_table<node> nodes_;
};

}  // namespace detail
}  // namespace weir
