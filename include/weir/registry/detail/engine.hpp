// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/active_rules.hpp"
#include "weir/registry/detail/apply_response.hpp"
#include "weir/registry/detail/event_emitter.hpp"
#include "weir/registry/detail/node.hpp"
#include "weir/registry/detail/reload.hpp"
#include "weir/registry/key_report.hpp"
#include "weir/registry/key_table.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/rules_cache.hpp"
#include "weir/registry/wake_list.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/limiter/blocking_waiter.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/observer.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

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
/// A step locks one key, decides or changes, serves the queue once, unlocks the key, and only then calls waiters, the
/// observer and the waker. `locked_step` is the only thing that ends one.
template <store Store, observer Observer>
class engine {
public:
    using permit = weir::permit<engine>;
    using admission = weir::admission<engine>;
    using ticket = weir::ticket<engine>;
    using node = detail::node<Store>;

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

    // ---- steps

    /// One step on a locked key, from here to the unlock and what follows it.
    class locked_step {
    public:
        [[gnu::always_inline]] locked_step(engine& e, node& n, instant now) noexcept
            : at{e.store_, e.ceiling_, now}, engine_(e), node_(n) {}
        locked_step(const locked_step&) = delete;
        locked_step& operator=(const locked_step&) = delete;
        [[gnu::always_inline]] ~locked_step() { end(); }

        [[gnu::always_inline]] void end() noexcept {
            if (!std::exchange(is_over_, true))
                engine_.end(node_, at);
        }

        key_step<Store> at;

    private:
        engine& engine_;
        node& node_;
        bool is_over_ = false;
    };

    /// A reference for the length of a step, or longer. **Preconditions.** The key is locked at both ends.
    class step_reference {
    public:
        explicit step_reference(node& n) noexcept : node_(&n) { ++n.key.references; }
        step_reference(const step_reference&) = delete;
        step_reference& operator=(const step_reference&) = delete;
        ~step_reference() {
            if (node_ != nullptr)
                --node_->key.references;
        }
        void keep() noexcept { node_ = nullptr; }

    private:
        node* node_;
    };

    // ---- keys

    [[nodiscard]] std::shared_ptr<rules_cache> current_rules() { return rules_.current(); }

    /// Finds a key and locks it; null when it has no state.
    [[nodiscard]] node* find_node(std::string_view host, std::string_view role) {
        if (node* n = nodes_.find_locked(host, role))
            return n;
        const auto canonical = canonical_host(host, idna_);
        if (!canonical)
            return nullptr;
        const auto book = current_rules();
        const std::string_view owner = book->config().key_host(*canonical);
        return owner == host ? nullptr : nodes_.find_locked(owner, role);
    }

    /// Finds or makes a key and locks it. Keys are stored by canonical host: a text that is found as it stands is
    /// canonical, and most are.
    [[nodiscard]] node& lock_node(std::string_view host, std::string_view role) {
        if (node* n = nodes_.find_locked(host, role)) [[likely]]
            return *n;
        return make_node(canonical_host(host, idna_).value(), role);
    }

    [[nodiscard]] node& make_node(const std::string& host, std::string_view role) {
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
                               ? std::make_unique<node>(std::string{owner}, std::string{role}, std::move(rules),
                                                        store_.make_slot(owner, role))
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

    template <class When>
    [[nodiscard]] key_report report(node& n, When when) {
        locked_step step{*this, n, time(when)};
        const step_reference stays{n};  // reading may release the lock
        key_snapshot state = n.log.read(step.at);
        return {{n.host, n.role}, n.key.rules->policy, std::move(state), n.key.waiting(), n.key.is_paused};
    }

    // ---- decisions

    static std::int64_t counted_cost(const window_plan& plan, const acquire_options& a) noexcept {
        return plan.count_head || !is_head(a.method) ? a.cost : 0;
    }
    /// Refuses a cost that is none. Called before any key is locked.
    [[gnu::always_inline]] static void check(std::string_view host, std::string_view role, const acquire_options& a) {
        if (a.cost < 1 || a.cost > rate::max) [[unlikely]]
            throw_bad_cost(host, role, a.cost);
    }
    [[noreturn, gnu::noinline, gnu::cold]] static void throw_bad_cost(std::string_view host, std::string_view role,
                                                                      std::int64_t cost) {
        throw exception({errc::bad_request, fmt::format("{}/{}: a cost of {} is outside 1 to {}; give the units that "
                                                        "the request takes",
                                                        host, role, cost, rate::max)});
    }

    /// Where an answer goes.
    [[nodiscard, gnu::always_inline]] static admission undecided() noexcept { return admission{}; }

    // What follows is given a locked `n` and unlocks it. Answers are written where the caller will have them: copying
    // one costs more than making it.

    template <class When>
    [[gnu::always_inline]] void try_locked(node& n, const acquire_options& a, When when, admission& out) {
        const window_plan& plan = n.key.plan();
        const duration max_delay = a.max_delay.value_or(plan.max_delay);
        const std::int64_t cost = counted_cost(plan, a);
        const instant now = time(when);
        {
            locked_step step{*this, n, now};
            step_reference stays{n};
            if (is_closed()) [[unlikely]] {
                refuse_closed(out.decision_);
            } else {
                const assessment f = n.log.decide(step.at, cost, out.permit_.entry_);
                n.key.to_decision(f, out.decision_);
            }
            if (out.decision_.granted())
                out.permit_.stand_for(*this, n);
            if (out.decision_.granted() || is_observed)
                stays.keep();
        }
        events_.decided(n, cost, out.decision_, now, max_delay);
        if (is_observed && !out.decision_.granted())
            n.release();
    }

    template <class When>
    [[gnu::always_inline]] void count_locked(node& n, const acquire_options& a, When when, decision& out) {
        const window_plan& plan = n.key.plan();
        const std::int64_t cost = counted_cost(plan, a);
        [[maybe_unused]] const duration max_delay = plan.max_delay;
        const instant now = time(when);
        {
            locked_step step{*this, n, now};
            step_reference stays{n};
            if (is_closed()) [[unlikely]]
                refuse_closed(out);
            else
                n.key.to_decision(n.log.count(step.at, cost), out);
            if (is_observed)
                stays.keep();
        }
        events_.decided(n, cost, out, now, max_delay);
        if (is_observed)
            n.release();
    }

    template <class When>
    [[nodiscard]] decision peek_locked(node& n, const acquire_options& a, When when) {
        locked_step step{*this, n, time(when)};
        const step_reference stays{n};
        decision out;
        if (is_closed())
            refuse_closed(out);
        else
            n.key.to_decision(n.log.peek(step.at, counted_cost(n.key.plan(), a)), out);
        return out;
    }

    void wait_locked(node& n, const acquire_options& a, admission& out) {
        if (wait(n, a, out.permit_.entry_, out.decision_))
            out.permit_.stand_for(*this, n);
        else
            n.release();
    }

    [[gnu::always_inline]] void acquire_locked(node& n, const acquire_options& a, permit& out) {
        decision d;
        if (wait(n, a, out.entry_, d)) [[likely]]
            out.stand_for(*this, n);
        else
            refuse(n, d);
    }

    /// Waits, and leaves `n` unlocked and referenced; says whether it was granted, and why not in `d`.
    [[nodiscard, gnu::always_inline]] bool wait(node& n, const acquire_options& a, entry& e, decision& d) {
        const window_plan& plan = n.key.plan();
        const duration max_delay = a.max_delay.value_or(plan.max_delay);
        const std::int64_t cost = counted_cost(plan, a);
        const instant now = store_.now();
        {
            locked_step step{*this, n, now};
            step_reference stays{n};
            if (is_closed()) [[unlikely]] {
                refuse_closed(d);
            } else if (a.stop.stop_requested()) [[unlikely]] {
                d.outcome = outcome::cancelled;
                d.retry_at = now;
            } else if constexpr (is_local) {
                // Most requests are granted at once, and need no waiter.
                const assessment f = n.log.decide(step.at, cost, e);
                n.key.to_decision(f, d);
                if (d.outcome == outcome::denied && max_delay > duration::zero()) [[unlikely]]
                    sleep_in_queue(n, step, a, cost, max_delay, &f, e, d);
            } else {
                sleep_in_queue(n, step, a, cost, max_delay, nullptr, e, d);
            }
            stays.keep();
        }
        events_.decided(n, cost, d, now, max_delay);
        return d.granted();
    }

    [[noreturn, gnu::noinline, gnu::cold]] void refuse(node& n, const decision& d) {
        const refused failure{{n.host, n.role}, d, store_.now()};
        n.release();
        throw failure;
    }

    /// Starts the wait of `t`; says whether it was decided at once. `find` gives the locked key.
    template <class Find, class When>
    bool submit(ticket& t, const acquire_options& a, When when, Find&& find) {
        t.prepare(*this, a.stop);
        try {
            return submit_locked(t, find(), a, when);
        } catch (...) {
            t.reset();
            throw;
        }
    }
    template <class When>
    bool submit_locked(ticket& t, node& n, const acquire_options& a, When when) {
        const instant now = time(when);
        locked_step step{*this, n, now};
        step_reference stays{n};
        t.begin(n, counted_cost(n.key.plan(), a), a.max_delay.value_or(n.key.plan().max_delay), now);
        bool is_queued = false;
        if (is_closed())
            refuse_closed(t.verdict);
        else if (t.is_stopped_.load())
            t.verdict = {outcome::cancelled, cause::none, now, {}, {}};
        else
            is_queued = n.log.submit(step.at, t);
        if (!is_queued)
            step.at.done.add(t);
        stays.keep();
        return !is_queued;
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
        const bool needs_time = has_freed || how == settlement::abandoned || n.log.needs_time(e, how);
        const instant now = needs_time ? time(when) : long_ago;
        {
            locked_step step{*this, n, now};
            if (how == settlement::abandoned) [[unlikely]]
                e.grace = grace_of(n, e, now);
            n.log.settle(step.at, e, how);
            --n.key.references;
        }
        if (has_freed) [[unlikely]]
            serve_line(now);
    }

    template <class When>
    void adjust_cost(node& n, entry& e, std::int64_t cost, When when) {
        if (cost < 1 || cost > rate::max)
            throw_bad_cost(n.host, n.role, cost);
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

    /// Whether `a` is denied by what can be read without the lock of a referenced `n`.
    template <class When>
    [[nodiscard, gnu::always_inline]] bool known_denial(const node& n, const acquire_options& a, When when,
                                                        decision& out) const noexcept {
        // An observer gets what only the lock lets us read.
        return !is_observed && n.key.denial.is_set() && a.cost == 1 && !is_head(a.method) &&
               n.key.denial.read(time(when), out);
    }

    // ---- time passes

    instant poll(instant now) {
        while (wake_entry* due = wakes_.next_due(now)) {
            node& n = node::of(*due);
            n.lock();
            serve_due(n, now, nullptr);
            n.release();
        }
        return wakes_.announce();
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

    /// Sets (or with null clears) the policy of one key.
    template <class When>
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, const policy* p, When when) {
        const auto canonical = canonical_host(host, idna_);
        if (!canonical)
            return canonical.error();
        const std::lock_guard one_at_a_time{reload_mutex_};
        const auto book = current_rules();
        const std::string owner{book->config().key_host(*canonical)};
        if (auto known = book->config().policy_for(owner, role); !known)
            return known.error();
        if (p != nullptr) {
            std::string text;
            for (const std::string& fault : faults_of(*p))
                text.append(text.empty() ? "" : "\n").append(fmt::format("{}/{}: {}", owner, role, fault));
            if (!text.empty())
                return error{errc::bad_configuration, std::move(text)};
            book->overrides()->set(owner, std::string{role}, *p);
        } else {
            book->overrides()->clear(owner, std::string{role});
        }
        auto rules = book->rules_for(owner, role, {});
        if (!rules)
            return rules.error();
        node& n = make_node(owner, role);
        locked_step step{*this, n, time(when)};
        n.log.set_rules(step.at, key_rules::make((*rules)->policy, n.log.factor(store_), n.key.rules->reported));
        return {};
    }

    template <class When>
    void erase(node& n, When when) {
        locked_step step{*this, n, time(when)};
        const step_reference stays{n};
        const bool was_tuned = !n.log.factor(store_).is_one();
        n.log.erase(step.at);
        if (was_tuned)
            n.log.set_rules(step.at, key_rules::make(n.key.rules->policy, {}, n.key.rules->reported));
    }

    template <class When>
    void tune(node& n, multiplier m, When when) {
        locked_step step{*this, n, time(when)};
        const step_reference stays{n};
        n.log.tune(step.at, m);
        n.log.set_rules(step.at, key_rules::make(n.key.rules->policy, m, n.key.rules->reported));
    }

    /// Moves the gate of a locked and referenced key, and those that move with it.
    template <class When>
    bool hold(node& n, instant until, When when) {
        const instant now = time(when);
        bool moved = false;
        gate_reach scope = gate_reach::key;
        {
            locked_step step{*this, n, now};
            moved = n.log.hold(step.at, until);
            scope = n.key.rules->policy.gate_scope;
        }
        if (moved)
            propagate_gate(*this, n, scope, until, now);
        return moved;
    }

    template <class When>
    bool open_gate(node& n, When when) {
        locked_step step{*this, n, time(when)};
        return n.log.open_gate(step.at);
    }

    template <class When>
    void pause(node& n, bool is_paused, When when) {
        locked_step step{*this, n, time(when)};
        n.key.is_paused = is_paused;
        n.key.denial.clear();
        n.key.mark_stale();
        step.at.note(key_step<Store>::change::better);
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

    static void refuse_closed(decision& out) noexcept {
        out.outcome = outcome::denied;
        out.cause = cause::closed;
        out.retry_at = far_future;
    }

    /// How long after its end a request without an answer may still arrive at the server: what the policy says, or the
    /// longest latency that was seen of the key, this request's among them.
    [[nodiscard]] static duration grace_of(const node& n, const entry& e, instant now) noexcept {
        constexpr duration max = std::chrono::minutes{1};
        const auto& stated = n.key.rules->policy.abandon_grace;
        const duration own = e.state == entry_state::open ? now - e.stamp : duration::zero();
        return stated ? *stated : std::min(max, std::max(own, n.key.longest_latency));
    }

    /// **Preconditions.** `n` is locked and referenced. **Effects.** Ends the step.
    [[gnu::noinline, gnu::cold]] void sleep_in_queue(node& n, locked_step& step, const acquire_options& a,
                                                     std::int64_t cost, duration max_delay, const assessment* denied,
                                                     entry& e, decision& d) {
        blocking_waiter w;
        w.cost = cost;
        w.deadline = saturating_add(step.at.now, max_delay);
        const bool is_queued = denied != nullptr ? n.log.enqueue(step.at, w, *denied) : n.log.submit(step.at, w);
        step.end();
        if (is_queued) {
            const std::stop_callback on_stop{a.stop, [&] { cancel(n, w, read_clock); }};
            for (bool is_done = false; !is_done;) {
                n.lock();
                if (const auto again = serve_due(n, store_.now(), &w)) {
                    is_done = w.sleep(*again - store_.now());
                } else {
                    w.sleep_until_completed();
                    is_done = true;
                }
            }
        }
        e = w.admitted;
        d = w.verdict;
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
    std::uint64_t reloads_ = 0;
    active_rules rules_;
    inflight_ceiling ceiling_;
    std::atomic<bool> is_closed_{false};
    wake_list wakes_;
    key_table<node> nodes_;
};

}  // namespace detail
}  // namespace weir
