// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/published_denial.hpp"
#include "weir/limiter/detail/spin_lock.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

namespace weir {

/// A policy together with the windows it means under one multiplier.
struct governed {
    weir::policy policy;
    window_plan plan;
};

/// One key: its state in the store, and the waiters in front of it.
///
/// **Thread safety.** Every member but construction needs `lock()` to be held, which makes each a single step. Waiters
/// that a call settles are put on the caller's `settled_list`, to be told after `unlock()`.
template <class Store>
class key_limiter : public starving {
public:
    key_limiter(std::shared_ptr<const governed> rules, typename Store::slot slot)
        : rules_(std::move(rules)), slot_(std::move(slot)) {}

    [[gnu::always_inline]] void lock() noexcept { lock_.lock(); }
    void unlock() noexcept { lock_.unlock(); }

    // ---- the main verb

    /// Decides on `cost` units at once (0 = not counted), behind those who already wait.
    [[nodiscard, gnu::always_inline]] forecast decide(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                      instant now, entry& out, settled_list& settled) {
        if (!quiet() && must_queue(store, ceiling, cost, now, settled)) [[unlikely]]
            return behind_all(store, cost, now);
        const forecast f = store.admit(slot_, rules_->plan, cost, now, [&ceiling] { return ceiling.try_take(); }, out);
        if (f.why != cause::none) {
            if (!f.passed)
                publish(f, cost, now);
            else if (cost > 0)
                ceiling.take();
        }
        return f;
    }

    /// Decides on units that nobody answers for: they count from now and hold no place.
    [[nodiscard, gnu::always_inline]] forecast count(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                     instant now, settled_list& settled) {
        if (!quiet() && must_queue(store, ceiling, cost, now, settled)) [[unlikely]]
            return behind_all(store, cost, now);
        const forecast f = store.count(slot_, rules_->plan, cost, now);
        if (!f.admits())
            publish(f, cost, now);
        return f;
    }

    /// Writes a forecast as the answer a caller gets; one without a cause leaves `out` as it is made: granted.
    [[gnu::always_inline]] void explain(const forecast& f, decision& out) const {
        if (f.why == cause::none) [[likely]]
            return;
        out.state = f.passed ? outcome::granted : f.why == cause::never ? outcome::never : outcome::denied;
        out.why = f.why;
        out.retry_at = f.at;
        if (f.why == cause::window || f.why == cause::never)
            out.limit = rules_->plan.shown[f.window];
    }
    [[nodiscard]] decision explain(const forecast& f) const {
        decision out;
        explain(f, out);
        return out;
    }

    /// Decides at once, or puts `w` in the queue and says true: then it is told. False: `w.verdict` is the answer.
    ///
    /// **Complexity.** O(windows), and O(waiters) where a change has made their forecasts stale.
    [[nodiscard]] bool submit(Store& store, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        w.arrived = now;
        const forecast f = decide(store, ceiling, w.cost, now, w.admitted, settled);
        w.verdict = explain(f);
        if (w.verdict.granted() || w.verdict.state == outcome::never || w.deadline <= now || f.held)
            return false;
        if (queue_ == nullptr)
            queue_ = std::make_unique<line>();
        w.expected_ = behind_all(store, w.cost, now);
        // Nothing else stood in the way, or it would have been admitted.
        if (w.expected_.admits())
            w.expected_.why = cause::inflight;
        if (w.expected_.at > w.deadline || w.expected_.held) {
            w.verdict = explain(w.expected_);
            return false;
        }
        w.ends_ = (queue_->waiting.empty() ? 0 : queue_->waiting.back()->ends_) + w.cost;
        queue_->waiting.push_back(&w);
        queue_->uncounted += w.cost == 0;
        queue_->polled += w.polled();
        queue_->first_deadline = std::min(queue_->first_deadline, w.deadline);
        w.queued_ = true;
        denial.clear();
        // The first in line learns its time here, and is put in line for a place in flight where that is what it lacks.
        if (queue_->waiting.size() == 1 || w.cost == 0)
            pump(store, ceiling, now, settled);
        return true;
    }

    /// Takes `w` out of the queue as cancelled; says whether it still stood there.
    bool cancel(Store& store, inflight_ceiling& ceiling, waiter& w, instant now, settled_list& settled) {
        if (!w.queued_)
            return false;
        std::erase(queue_->waiting, &w);
        leave(w, now, {outcome::cancelled, cause::none, now, {}, {}}, settled);
        queue_->stale = true;
        pump(store, ceiling, now, settled);
        return true;
    }

    /// Grants the head whatever has become possible, and refuses those whose deadline has come.
    [[gnu::noinline]] void pump(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled) {
        if (queue_ == nullptr)
            return;
        auto& waiting = queue_->waiting;
        const instant gate_opens = queue_->uncounted > 0 ? grant_uncounted(store, now, settled) : far_future;
        forecast head{now, cause::none, 0};
        while (!waiting.empty()) {
            waiter& w = *waiting.front();
            head =
                store.admit(slot_, rules_->plan, w.cost, now, [&] { return ceiling.take_in_turn(*this); }, w.admitted);
            if (head.admits()) {
                if (head.passed)
                    ceiling.take();
                waiting.pop_front();
                leave(w, now, explain(head), settled);
            } else if (!queue_->is_late(now)) {
                break;
            } else if (w.deadline <= now) {
                waiting.pop_front();
                queue_->stale = true;
                leave(w, now, explain(head), settled);  // who comes next may be cheaper
            } else {
                replan(store, now, settled);
            }
        }
        if (waiting.empty()) {
            ceiling.no_longer_starving(*this);
            queue_->head_at = far_future;
            return;
        }
        if (head.why != cause::inflight)
            ceiling.no_longer_starving(*this);
        // Only an answer or a release makes room in a ceiling: they pump, so the head needs no time of its own.
        const bool timed = head.why == cause::window || head.why == cause::gate;
        // The uncounted pass the head as soon as the gate opens: whoever is in front wakes for them too.
        queue_->head_at = std::min(timed ? head.at : far_future, gate_opens);
        if (waiting.front() != queue_->told || next_wake() < queue_->told_at) {
            queue_->told = waiting.front();
            queue_->told_at = next_wake();
            waiting.front()->hurry();
        }
    }

    /// Foresees every waiter anew and refuses those whose best case, or the time itself, is past their deadline, and
    /// all when the gate is farther away than anybody is to wait for it.
    ///
    /// **Preconditions.** The queue has just been pumped; it is pumped again, for a refusal may bring a cheaper waiter
    /// to the head.
    ///
    /// **Complexity.** O(waiters x windows).
    void replan(Store& store, instant now, settled_list& settled) {
        if (queue_ == nullptr)
            return;
        auto& waiting = queue_->waiting;
        std::size_t kept = 0;
        queue_->stale = false;
        queue_->first_deadline = far_future;
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            waiter& w = *waiting[i];
            w.expected_ = behind(store, w.cost, now, {*queue_, kept});
            const bool is_new_head = kept == 0 && i > 0 && w.expected_.admits();
            if (w.expected_.admits())
                w.expected_.why = cause::inflight;  // as in submit()
            if (w.expected_.why == cause::never || w.expected_.held || w.expected_.at > w.deadline ||
                (w.deadline <= now && !is_new_head)) {
                leave(w, now, explain(w.expected_), settled);
                continue;
            }
            w.ends_ = queue_->units(kept) + w.cost;
            queue_->first_deadline = std::min(queue_->first_deadline, w.deadline);
            waiting[kept++] = &w;
        }
        waiting.resize(kept);
    }

    /// The last denial while only time can end it, for a request of one unit; readable without the lock.
    detail::published_denial denial;

    // ---- changes

    /// Settles an entry. The caller gives the in-flight place back to the ceiling when `e` held one and `how` ends it.
    void settle(Store& store, inflight_ceiling& ceiling, entry& e, settlement how, instant now, settled_list& settled) {
        const bool worse = e.state == entry_state::open && how != settlement::refunded;
        store.settle(slot_, rules_->plan, e, how, now);
        changed(store, ceiling, now, worse, settled);
    }

    /// Whether settling `e` this way needs to know the time.
    [[nodiscard]] bool needs_time(const entry& e, settlement how) const noexcept {
        return !quiet() || (e.state == entry_state::open && how != settlement::refunded);
    }

    bool hold(Store& store, inflight_ceiling& ceiling, instant until, instant now, settled_list& settled) {
        if (!store.hold(slot_, until))
            return false;
        changed(store, ceiling, now, true, settled);
        return true;
    }

    /// Puts new rules in force: the past counts under them at once.
    void govern(Store& store, inflight_ceiling& ceiling, std::shared_ptr<const governed> rules, instant now,
                settled_list& settled) {
        rules_ = std::move(rules);
        changed(store, ceiling, now, true, settled);
    }

    void erase(Store& store, inflight_ceiling& ceiling, instant now, settled_list& settled) {
        store.erase(slot_);
        changed(store, ceiling, now, false, settled);
    }

    // ---- queries

    /// Whether nobody waits.
    [[nodiscard, gnu::always_inline]] bool quiet() const noexcept {
        return queue_ == nullptr || queue_->waiting.empty();
    }
    [[nodiscard]] const governed& rules() const noexcept { return *rules_; }
    [[nodiscard]] const std::shared_ptr<const governed>& shared_rules() const noexcept { return rules_; }
    [[nodiscard]] const typename Store::slot& slot() const noexcept { return slot_; }
    [[nodiscard]] typename Store::slot& slot() noexcept { return slot_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_ == nullptr ? 0 : queue_->waiting.size(); }
    [[nodiscard]] bool is_queued(const waiter& w) const noexcept { return w.queued_; }
    [[nodiscard]] bool is_head(const waiter& w) const noexcept {
        return waiting() > 0 && queue_->waiting.front() == &w;
    }
    /// When the queue has to be pumped at the latest; `far_future` when only a change can move it.
    [[nodiscard]] instant next_wake() const noexcept {
        return waiting() == 0 ? far_future : std::min(queue_->head_at, queue_->first_deadline);
    }
    /// When the time of the head comes, or of those who wait for the gate alone.
    [[nodiscard]] instant head_at() const noexcept { return queue_ == nullptr ? far_future : queue_->head_at; }
    /// Whether anybody in the queue relies on `poll()`.
    [[nodiscard]] bool is_polled() const noexcept { return queue_ != nullptr && queue_->polled > 0; }
    /// Whether a permit, a handle or a caller refers to this key, or its past still decides something.
    [[nodiscard]] bool in_use(const Store& store, instant now) const {
        return pins != 0 || waiting() > 0 || !store.idle(slot_, rules_->plan, now);
    }
    /// Whether it may be forgotten.
    [[nodiscard]] bool idle(const Store& store, instant now) const { return !is_pinned() && !in_use(store, now); }

    /// Permits, handles and callers that refer to this key: it is not evicted while there are any.
    std::uint32_t pins = 0;

private:
    struct line {
        std::deque<waiter*> waiting;
        instant head_at = far_future;         // when the head can be admitted, as far as time alone decides it
        instant first_deadline = far_future;  // not later than the earliest deadline in the queue
        instant told_at = far_future;         // what the head was last told
        const waiter* told = nullptr;
        std::size_t uncounted = 0;
        std::size_t polled = 0;
        bool stale = false;  // forecasts may be later than the truth

        /// Whether a deadline has come. Who left may have left its deadline behind: then the first of the others is
        /// found.
        [[nodiscard]] bool is_late(instant now) noexcept {
            if (first_deadline > now)
                return false;
            first_deadline = far_future;
            for (const waiter* w : waiting)
                first_deadline = std::min(first_deadline, w->deadline);
            return first_deadline <= now;
        }

        /// What the first `count` waiters cost together.
        [[nodiscard]] std::int64_t units(std::size_t count) const noexcept {
            return count == 0 ? 0 : waiting[count - 1]->ends_ - gone();
        }
        /// What those cost who stood before the head and left.
        [[nodiscard]] std::int64_t gone() const noexcept { return waiting.front()->ends_ - waiting.front()->cost; }
    };

    /// The first `count` waiters as part of the sequence of units.
    struct those_ahead {
        const line& queue;
        std::size_t count;

        [[nodiscard]] std::int64_t units() const noexcept { return queue.units(count); }
        [[nodiscard]] instant nth_newest(std::int64_t k) const noexcept {
            const std::int64_t unit = units() - k;  // counted from 1 at the head
            const auto& waiting = queue.waiting;
            // Nearly every request costs one unit: then the place is known without a search.
            if (queue.uncounted == 0 && units() == static_cast<std::int64_t>(count))
                return waiting[static_cast<std::size_t>(unit - 1)]->expected_.at;
            const auto last = waiting.begin() + static_cast<std::ptrdiff_t>(count);
            const auto reaches = [](const waiter* w, std::int64_t u) { return w->ends_ < u; };
            return (*std::lower_bound(waiting.begin(), last, unit + queue.gone(), reaches))->expected_.at;
        }
    };

    /// Nobody waits, so the denial stands until its time or until something changes. One that an open entry makes is
    /// not published: its `retry_at` moves on as long as there is no answer.
    void publish(const forecast& f, std::int64_t cost, instant now) noexcept {
        const bool is_timed =
            f.why == cause::gate || (f.why == cause::window && f.at - rules_->plan.windows[f.window].period < now);
        if (cost == 1 && quiet() && is_timed)
            denial.publish(explain(f));
    }

    /// Whether `cost` units have to stand behind others even after all that is possible has been granted.
    [[nodiscard, gnu::noinline]] bool must_queue(Store& store, inflight_ceiling& ceiling, std::int64_t cost,
                                                 instant now, settled_list& settled) {
        if (cost == 0)
            return false;
        pump(store, ceiling, now, settled);
        if (queue_->stale && !queue_->waiting.empty()) {
            replan(store, now, settled);
            pump(store, ceiling, now, settled);
        }
        return !queue_->waiting.empty();
    }

    [[nodiscard]] forecast behind_all(Store& store, std::int64_t cost, instant now) const {
        return queue_ == nullptr ? store.foresee(slot_, rules_->plan, cost, now, nobody_ahead{})
                                 : behind(store, cost, now, {*queue_, queue_->waiting.size()});
    }

    /// The forecast for one who comes after `ahead`; first come, first served, so never before the one in front.
    [[nodiscard]] forecast behind(Store& store, std::int64_t cost, instant now, those_ahead ahead) const {
        forecast f = store.foresee(slot_, rules_->plan, cost, now, ahead);
        if (ahead.count == 0 || cost == 0 || f.why == cause::never)
            return f;
        const forecast& before = ahead.queue.waiting[ahead.count - 1]->expected_;
        if (before.at > f.at || f.admits())
            f = {std::max(before.at, f.at), f.held ? cause::gate : before.why, before.window, f.held};
        return f;
    }

    [[gnu::always_inline]] void changed(Store& store, inflight_ceiling& ceiling, instant now, bool worse,
                                        settled_list& settled) {
        denial.clear();
        if (!quiet()) [[unlikely]]
            serve(store, ceiling, now, worse, settled);
    }

    [[gnu::noinline]] void serve(Store& store, inflight_ceiling& ceiling, instant now, bool worse,
                                 settled_list& settled) {
        queue_->stale = true;
        pump(store, ceiling, now, settled);
        if (worse && !queue_->waiting.empty()) {
            replan(store, now, settled);
            pump(store, ceiling, now, settled);
        }
    }

    /// Grants those who wait for the gate alone, or says when it opens.
    instant grant_uncounted(Store& store, instant now, settled_list& settled) {
        instant opens = far_future;
        std::erase_if(queue_->waiting, [&](waiter* w) {
            if (w->cost != 0)
                return false;
            const forecast f = store.admit(slot_, rules_->plan, 0, now, detail::free_place{}, w->admitted);
            if (!f.admits())
                return opens = f.at, false;
            leave(*w, now, explain(f), settled);
            return true;
        });
        return opens;
    }

    /// Settles a waiter that the caller takes out of the queue.
    void leave(waiter& w, instant now, decision verdict, settled_list& settled) noexcept {
        verdict.waited = now - w.arrived;
        w.verdict = verdict;
        w.queued_ = false;
        queue_->uncounted -= w.cost == 0;
        queue_->polled -= w.polled();
        if (queue_->told == &w)
            queue_->told = nullptr;
        settled.add(w);
    }

    detail::spin_lock lock_;
    std::shared_ptr<const governed> rules_;
    typename Store::slot slot_;
    std::unique_ptr<line> queue_;
};

}  // namespace weir
