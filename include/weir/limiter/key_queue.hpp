// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/detail/published_denial.hpp"
#include "weir/limiter/detail/refusal_pause.hpp"
#include "weir/limiter/detail/spin_lock.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

namespace weir {

/// A policy together with the windows it means under one multiplier, and what the server told.
struct governed {
    weir::policy policy;
    window_plan plan;
    std::shared_ptr<const told_rates> told{};

    [[nodiscard]] static std::shared_ptr<const governed> make(weir::policy p, multiplier m,
                                                              std::shared_ptr<const told_rates> told = {}) {
        auto plan = plan_windows(p, m, told.get());
        return std::make_shared<const governed>(governed{std::move(p), std::move(plan), std::move(told)});
    }
};

/// What every key has, wherever its log is: its lock, its rules and the waiters in front of it.
///
/// **Thread safety.** Every member but construction and `denial.read` needs `lock()` to be held.
class key_queue : public starving {
public:
    explicit key_queue(std::shared_ptr<const governed> rules) : rules_(std::move(rules)) {}

    [[gnu::always_inline]] void lock() noexcept { lock_.lock(); }
    void unlock() noexcept { lock_.unlock(); }

    /// The last denial while only time can end it, for a request of one unit; readable without the lock.
    detail::published_denial denial;

    /// What refusals that do not say how long mean.
    [[no_unique_address]] detail::refusal_pause pause;  // whose end `pins` fills

    /// Permits, handles and callers that refer to this key: it is not evicted while there are any.
    std::uint32_t pins = 0;

    /// What was seen for the tuner; null until there is an answer to learn from.
    std::unique_ptr<detail::key_tuner> tuner;

    // ---- answers

    /// Writes a forecast as the answer a caller gets; one without a cause leaves `out` as it is made: granted.
    [[gnu::always_inline]] void explain(const forecast& f, decision& out) const {
        if (f.why == cause::none) [[likely]]
            return;
        out.state = f.passed ? outcome::granted : f.why == cause::never ? outcome::never : outcome::denied;
        out.why = f.why;
        out.retry_at = f.at;
        // The index is of the rules it was decided under; a shared store's answer may come after a reload.
        if ((f.why == cause::window || f.why == cause::never) && f.window < rules_->plan.shown.size())
            out.limit = rules_->plan.shown[f.window];
    }
    [[nodiscard]] decision explain(const forecast& f) const {
        decision out;
        explain(f, out);
        return out;
    }

    // ---- queries

    /// Whether nobody waits.
    [[nodiscard, gnu::always_inline]] bool quiet() const noexcept {
        return queue_ == nullptr || queue_->waiting.empty();
    }
    [[nodiscard]] const governed& rules() const noexcept { return *rules_; }
    [[nodiscard]] const std::shared_ptr<const governed>& shared_rules() const noexcept { return rules_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_ == nullptr ? 0 : queue_->waiting.size(); }
    [[nodiscard]] bool is_queued(const waiter& w) const noexcept { return w.queued_; }
    [[nodiscard]] bool is_head(const waiter& w) const noexcept {
        return waiting() > 0 && queue_->waiting.front() == &w;
    }
    /// When the queue has to be pumped at the latest; `far_future` when only a change can move it.
    [[nodiscard]] instant next_wake() const noexcept {
        return waiting() == 0 ? far_future : std::min({queue_->head_at, queue_->first_deadline, retune()});
    }
    /// When time alone may change the factor for those who wait.
    [[nodiscard]] instant retune() const noexcept { return tuner == nullptr ? far_future : tuner->retune(); }
    /// When the time of the head comes, or of those who wait for the gate alone.
    [[nodiscard]] instant head_at() const noexcept { return queue_ == nullptr ? far_future : queue_->head_at; }
    /// Whether anybody in the queue relies on `poll()`.
    [[nodiscard]] bool is_polled() const noexcept { return queue_ != nullptr && queue_->polled > 0; }

protected:
    ~key_queue() = default;

    struct line {
        std::deque<waiter*> waiting;
        instant head_at = far_future;         // when the head can be admitted, as far as time alone decides it
        instant first_deadline = far_future;  // not later than the earliest deadline in the queue
        instant told_at = far_future;         // by when the head is to wake
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

    /// Puts `w`, whose forecast is made, at the end of the queue.
    void stand_in_line(waiter& w) {
        line& q = *queue_;
        w.ends_ = (q.waiting.empty() ? 0 : q.waiting.back()->ends_) + w.cost;
        q.waiting.push_back(&w);
        q.uncounted += w.cost == 0;
        q.polled += w.polled();
        q.first_deadline = std::min(q.first_deadline, w.deadline);
        w.queued_ = true;
        denial.clear();
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

    /// Tells the head of the queue its time, unless it wakes by then.
    void tell_head() noexcept {
        waiter& head = *queue_->waiting.front();
        // Not the first deadline of all: who stands behind wakes for his own.
        const instant at = std::min(queue_->head_at, head.deadline);
        const bool is_news = &head != queue_->told || at < queue_->told_at;
        queue_->told = &head;
        queue_->told_at = at;  // a later time needs no word: it wakes too early once, and looks
        if (is_news)
            head.hurry();
    }

    /// Nobody waits, so the denial stands until its time or until something changes. One that an open entry makes is
    /// not published: its `retry_at` moves on as long as there is no answer.
    void publish(const forecast& f, std::int64_t cost, instant now) noexcept {
        const bool is_timed =
            f.why == cause::gate || (f.why == cause::window && f.at - rules_->plan.windows[f.window].period < now);
        note_bound(f);
        if (cost == 1 && quiet() && is_timed)
            denial.publish(explain(f));
    }

    void note_bound(const forecast& f) noexcept {
        if (f.why == cause::window && tuner != nullptr) [[unlikely]]
            tuner->hold_back(f.at);
    }

    std::shared_ptr<const governed> rules_;
    std::unique_ptr<line> queue_;

private:
    detail::spin_lock lock_;
};

}  // namespace weir
