// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/announcer.hpp"
#include "weir/registry/detail/answer_step.hpp"
#include "weir/registry/detail/reload.hpp"
#include "weir/registry/detail/rules_in_force.hpp"
#include "weir/registry/key_report.hpp"
#include "weir/registry/key_table.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/rulebook.hpp"
#include "weir/registry/wake_list.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/limiter/ask.hpp"
#include "weir/limiter/blocking_waiter.hpp"
#include "weir/limiter/feedback.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_limiter.hpp"
#include "weir/limiter/observer.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/limiter/shared_key_limiter.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

template <class Engine>
class ticket;

namespace detail {

/// What a registry, its permits, handles and tickets share: the keys and the steps on them.
///
/// Each step locks one key, decides or changes, unlocks it, and only then tells waiters and the observer.
template <store Store, observer Observer>
class engine {
public:
    using permit = weir::permit<engine>;
    using admission = weir::admission<engine>;
    using ticket = weir::ticket<engine>;

    engine(Store store, weir::configuration c, Observer o, idna_function idna,
           std::function<void()> on_earlier_wake = {})
        : on_earlier_wake_(std::move(on_earlier_wake)), store_(std::move(store)), tell_{std::move(o)}, idna_(idna),
          rules_(std::make_shared<rulebook>(std::move(c))), ceiling_(rules_.current()->config().global_max_inflight()) {
    }

    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    ~engine() {
        if constexpr (!Store::is_local) {
            bool gave = false;
            nodes_.for_each([&](node& n) { gave |= n.end_leases(store_, store_.now()); });
            if constexpr (requires { store_.flush(); }) {
                try {
                    if (gave)
                        store_.flush();
                } catch (const std::exception&) {
                    // What could not be given back expires.
                }
            }
        }
    }

    static constexpr bool is_local = Store::is_local;
    static constexpr bool is_observed = !std::is_same_v<Observer, no_observer>;

    /// One key: its verbs are single steps under its lock, or let the lock go for a round trip.
    using limiter = std::conditional_t<Store::is_local, key_limiter<Store>, shared_key_limiter<Store>>;

    struct node : limiter, woken {
        node(std::string h, std::string r, std::shared_ptr<const governed> rules, typename Store::slot slot)
            : limiter(std::move(rules), std::move(slot)), host(std::move(h)), role(std::move(r)) {}
        std::string host;
        std::string role;
        std::size_t hash = 0;
        std::size_t position = 0;
        std::uint64_t reloaded = 0;  // the last reload that has seen it; belongs to the thread that reloads
    };

    /// Stands for "ask the store's clock" where an instant could be given.
    struct read_clock_t {};
    static constexpr read_clock_t read_clock{};
    [[nodiscard]] instant time(read_clock_t) const noexcept { return store_.now(); }
    [[nodiscard]] static instant time(instant now) noexcept { return now; }

    /// The end of a step on a locked node: unlocks it, keeps its wake time, and tells whom the step settled.
    struct locked_step {
        engine& owner;
        node& n;
        settled_list settled{};
        adjustment tuned{};
        instant at{};

        /// Does what time and the store allow for those who wait.
        void serve(instant now, const waiter* self) {
            at = now;
            if (n.retune() <= now) [[unlikely]]
                tuned = answer_step{owner, n}.tune(now, settled);
            n.serve(owner.store_, owner.ceiling_, now, settled, self);
        }

        ~locked_step() {
            owner.wakes_.update(n);
            n.pins += tuned ? 1U : 0U;
            owner.end_step(n);
            if (tuned) [[unlikely]] {
                owner.tell_.tuned(n, tuned, at);
                owner.unpin(n);
            }
            settled.tell();
            owner.tell_of_wake();
        }
    };

    // ---- keys

    [[nodiscard]] std::shared_ptr<rulebook> current_rules() { return rules_.current(); }

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

    /// Keys are stored by canonical host: a text that is found as it stands is canonical, and most are.
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
                [&](const node& other) { return other.idle(store_, now); });
            if (may == making::allowed || (n != nullptr && book == current_rules()))
                return *n;
            if (n != nullptr)
                n->unlock();
            else if (may == making::held_off)
                const std::lock_guard until_reloaded{reload_mutex_};
        }
    }

    /// **Preconditions.** `n` is locked, and pinned unless the store is local.
    [[nodiscard]] key_report report(node& n) {
        reading state = n.read(store_, store_.now());
        return {{n.host, n.role}, n.rules().policy, std::move(state), n.waiting()};
    }

    // ---- decisions

    static std::int64_t counted_cost(const window_plan& plan, const ask& a) {
        return plan.count_head || !detail::is_head(a.method) ? plan.counted(a.cost) : 0;
    }
    [[gnu::always_inline]] void check(node& n, const ask& a) {
        if (a.cost >= 1) [[likely]]
            return;
        no_request(n, a);
    }
    [[noreturn, gnu::noinline, gnu::cold]] void no_request(node& n, const ask& a) {
        n.unlock();
        throw exception({errc::bad_request,
                         fmt::format("{}/{}: a cost of {} is no request; the least is 1", n.host, n.role, a.cost)});
    }

    /// Where an answer goes.
    [[nodiscard, gnu::always_inline]] static admission undecided() noexcept { return admission{}; }

    // What follows is handed a locked `n` and unlocks it. Answers are written where the caller will have them: copying
    // one costs more than making it.

    template <class When>
    [[gnu::always_inline]] void try_locked(node& n, const ask& a, When when, admission& out) {
        check(n, a);
        const window_plan& plan = n.rules().plan;
        const duration max_delay = a.max_delay.value_or(plan.max_delay);
        const std::int64_t cost = counted_cost(plan, a);
        const instant now = time(when);
        settled_list settled;
        if constexpr (!Store::is_local)
            ++n.pins;  // deciding lets the lock go
        const forecast f = n.decide(store_, ceiling_, cost, now, out.permit_.entry_, settled);
        n.explain(f, out.why_);
        if (f.admits())
            out.permit_.stand_for(*this, n);
        if (const bool stays = f.admits() || is_observed; stays == Store::is_local)
            n.pins += Store::is_local ? 1U : ~0U;
        unlock(n);
        settled.tell();
        tell_.decided(n, cost, out.why_, now, max_delay);
        if (is_observed && !f.admits())
            unpin(n);
    }

    template <class When>
    [[gnu::always_inline]] void count_locked(node& n, const ask& a, When when, decision& out) {
        check(n, a);
        const std::int64_t cost = counted_cost(n.rules().plan, a);
        [[maybe_unused]] const duration max_delay = n.rules().plan.max_delay;
        const instant now = time(when);
        settled_list settled;
        constexpr bool is_pinned = is_observed || !Store::is_local;
        if (is_pinned)
            ++n.pins;
        n.explain(n.count(store_, ceiling_, cost, now, settled), out);
        unlock(n);
        settled.tell();
        tell_.decided(n, cost, out, now, max_delay);
        if (is_pinned)
            unpin(n);
    }

    void wait_locked(node& n, const ask& a, admission& out) {
        if (wait_pinned(n, a, out.permit_.entry_, out.why_))
            out.permit_.stand_for(*this, n);
        else
            unpin(n);
    }

    [[gnu::always_inline]] void acquire_locked(node& n, const ask& a, permit& out) {
        decision d;
        if (wait_pinned(n, a, out.entry_, d)) [[likely]]
            out.stand_for(*this, n);
        else
            refuse(n, d);
    }

    /// Waits, and leaves `n` unlocked and pinned; says whether it was granted, and why not in `d`.
    [[nodiscard, gnu::always_inline]] bool wait_pinned(node& n, const ask& a, entry& e, decision& d) {
        check(n, a);
        const window_plan& plan = n.rules().plan;
        const duration max_delay = a.max_delay.value_or(plan.max_delay);
        const std::int64_t cost = counted_cost(plan, a);
        const instant now = store_.now();
        ++n.pins;
        settled_list settled;
        const bool stopped = a.stop.stop_requested();
        if (stopped) [[unlikely]] {
            d.state = outcome::cancelled;
            d.retry_at = now;
            unlock(n);
        } else if constexpr (!Store::is_local) {
            sleep_in_queue(n, a, cost, now, max_delay, e, d, settled);
        } else {
            // Most requests are granted at once, and need no waiter.
            const forecast f = n.decide(store_, ceiling_, cost, now, e, settled);
            n.explain(f, d);
            if (d.state == outcome::denied && max_delay > duration::zero()) [[unlikely]]
                sleep_in_queue(n, a, cost, now, max_delay, e, d, settled);
            else
                unlock(n);
        }
        tell_.decided(n, cost, d, now, max_delay);
        return d.granted();
    }

    [[noreturn, gnu::noinline, gnu::cold]] void refuse(node& n, const decision& d) {
        const refused failure{{n.host, n.role}, d, store_.now()};
        unpin(n);
        throw failure;
    }

    template <class When>
    bool submit_locked(ticket& t, node& n, const ask& a, When when) {
        check(n, a);
        const window_plan& plan = n.rules().plan;
        const instant now = time(when);
        t.cost = counted_cost(plan, a);
        t.max_delay_ = a.max_delay.value_or(plan.max_delay);
        t.deadline = later(now, t.max_delay_);
        t.engine_ = this;
        t.node_ = &n;
        t.state_ = ticket::state::waiting;
        ++n.pins;
        bool queued = false;
        {
            locked_step step{*this, n};
            queued = n.submit(store_, ceiling_, t, now, step.settled);
            if (!queued)
                step.settled.add(t);
        }
        if (queued && a.stop.stop_possible())
            t.stop_when(a.stop);
        return !queued;
    }

    template <class When>
    bool cancel(ticket& t, When when) {
        node& n = *t.node_;
        n.lock();
        const instant now = time(when);
        locked_step step{*this, n};
        return n.cancel(store_, ceiling_, t, now, step.settled);
    }

    /// **Preconditions.** `n` is locked and pinned.
    [[gnu::noinline, gnu::cold]] void sleep_in_queue(node& n, const ask& a, std::int64_t cost, instant now,
                                                     duration max_delay, entry& e, decision& d, settled_list& settled) {
        blocking_waiter w;
        w.cost = cost;
        w.deadline = later(now, max_delay);
        bool queued = n.submit(store_, ceiling_, w, now, settled);
        wakes_.update(n);
        end_step(n);
        settled.tell();
        tell_of_wake();
        if (queued) {
            const std::stop_callback on_stop{a.stop, [&] {
                                                 n.lock();
                                                 const instant at = store_.now();
                                                 locked_step step{*this, n};
                                                 n.cancel(store_, ceiling_, w, at, step.settled);
                                             }};
            for (bool done = false; !done;) {
                n.lock();
                instant until;
                {
                    now = store_.now();
                    locked_step step{*this, n};
                    if (n.is_queued(w))
                        step.serve(now, &w);
                    queued = n.is_queued(w);
                    until = n.wake_of(w);
                }
                if (queued)
                    done = w.sleep(until - store_.after(now));
                else
                    w.sleep_until_settled(), done = true;
            }
        }
        e = w.admitted;
        d = w.verdict;
    }

    // ---- settlements

    template <class When>
    void settle_answered(node& n, entry& e, const feedback& said, When when) noexcept {
        answer_step{*this, n}(e, said, when);
    }

    template <class When>
    void settle_ended(node& n, entry& e, settlement how, When when) noexcept {
        const bool held_place = e.in_flight;
        bool starving = held_place && ceiling_.give_back();
        {
            settled_list settled;
            n.lock();
            const instant now = n.needs_time(e, how) || starving ? time(when) : long_ago;
            n.settle(store_, ceiling_, e, how, now, settled);
            --n.pins;
            unlock(n);
        }
        if (starving) [[unlikely]]
            serve_starving(time(when));
    }

    void serve_starving(instant now) {
        while (starving* hungry = ceiling_.next_starving()) {
            auto& n = static_cast<node&>(static_cast<limiter&>(*hungry));
            n.lock();
            locked_step step{*this, n};
            n.unpin();
            n.pump(store_, ceiling_, now, step.settled);
        }
    }

    void pin(node& n) noexcept {
        const std::lock_guard guard{n};
        ++n.pins;
    }
    void unpin(node& n) noexcept {
        const std::lock_guard guard{n};
        --n.pins;
    }
    [[gnu::always_inline]] void unlock(node& n) noexcept {
        if (n.is_polled() || n.listed_at.load(std::memory_order_relaxed) != far_future) [[unlikely]]
            wakes_.update(n);
        end_step(n);
        tell_of_wake();
    }
    void tell_of_wake() noexcept {
        if (wakes_.take_earlier() && on_earlier_wake_)
            on_earlier_wake_();
    }
    /// Unlocks `n`, and then does what a call to a shared store left to do.
    [[gnu::always_inline]] void end_step(node& n) noexcept {
        if constexpr (Store::is_local) {
            n.unlock();
        } else {
            const bool has_freed = n.take_freed();
            const std::string trouble = n.take_trouble();
            const weir::key who = trouble.empty() ? weir::key{} : weir::key{n.host, n.role};
            n.unlock();
            if (has_freed)
                serve_starving(store_.now());
            if (!trouble.empty())
                tell_.store_failed(who.host, who.role, trouble, store_.now());
        }
    }

    /// Whether `a` is denied by what is known without locking a pinned `n`.
    template <class When>
    [[nodiscard, gnu::always_inline]] bool known_denial(const node& n, const ask& a, When when,
                                                        decision& out) const noexcept {
        // An observer wants to be told with what only the lock lets us read.
        return !is_observed && n.denial.is_set() && a.cost == 1 && !detail::is_head(a.method) &&
               n.denial.read(time(when), out);
    }

    // ---- changes to many keys

    instant poll(instant now) {
        wakes_.disarm();
        while (node* n = wakes_.template next_due<node>(now)) {
            n->lock();
            n->unpin();
            locked_step step{*this, *n};
            step.serve(now, nullptr);
        }
        return wakes_.arm();
    }

    template <class When>
    [[nodiscard]] std::optional<error> reload(weir::configuration c, When when) {
        std::optional<error> fault;
        {
            const std::lock_guard one_at_a_time{reload_mutex_};
            reload_step step{*this, std::make_shared<rulebook>(std::move(c)), ++reloads_, when};
            fault = step();
        }
        tell_.reloaded(fault ? fault->message : std::string_view{}, time(when));
        return fault;
    }
    template <class When>
    [[nodiscard]] std::optional<error> reload(const resolution& r, When when) {
        if (r)
            return reload(*r, when);
        error refusal = refusal_of(r);
        tell_.reloaded(refusal.message, time(when));
        return refusal;
    }

    void erase(std::string_view host, std::string_view role) {
        if (node* n = find_node(host, role)) {
            const instant now = store_.now();
            locked_step step{*this, *n};
            const multiplier factor = n->factor(store_);
            ++n->pins;
            n->erase(store_, ceiling_, now, step.settled);
            --n->pins;
            if (!factor.is_one())
                n->govern(store_, ceiling_, governed::make(n->rules().policy, {}, n->rules().told), now, step.settled);
        }
    }

    // ---- state

    std::function<void()> on_earlier_wake_;
    Store store_;
    [[no_unique_address]] announcer<Observer> tell_;
    idna_function idna_;
    std::mutex reload_mutex_;
    std::uint64_t reloads_ = 0;
    rules_in_force rules_;
    inflight_ceiling ceiling_;
    wake_list wakes_;
    key_table<node> nodes_;
};

}  // namespace detail
}  // namespace weir
