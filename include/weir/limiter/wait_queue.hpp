// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/waiter.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {

/// The waiters of one key in the order of their arrival, each with its assessment. It knows no store, lock or clock.
/// The limiter asks it which waiter is first and which must be refused, and reports what it decided.
///
/// **Thread safety.** The key's lock. **Complexity.** O(log waiters) a verb, unless stated otherwise. A waiter that
/// leaves from the middle leaves an empty place. It is removed when all places before it are gone.
class wait_queue {
public:
    /// Up to this many waiters, every change updates all assessments at once. In a longer queue, they are updated after
    /// as many changes as there are waiters, so that the work to empty the queue stays linear.
    static constexpr std::size_t always_exact = 64;

    // ---- queries

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// The first waiter. **Preconditions.** There is one.
    [[nodiscard]] waiter& front() const noexcept { return *queued_[left_].request; }
    [[nodiscard]] bool is_front(const waiter& w) const noexcept { return size_ > 0 && queued_[left_].request == &w; }
    [[nodiscard]] static bool is_queued(const waiter& w) noexcept { return w.stage_ == waiter::stage::queued; }
    /// The number of waiters that wait for the gate alone.
    [[nodiscard]] std::size_t uncounted() const noexcept { return uncounted_; }
    [[nodiscard]] bool has_polled() const noexcept { return polled_ > 0; }
    /// When the front can be admitted if nothing changes; `far_future` if only a change makes room.
    [[nodiscard]] instant front_due() const noexcept { return front_due_; }
    void set_front_due(instant at) noexcept { front_due_ = size_ == 0 ? far_future : at; }
    /// The earliest deadline in the queue; `far_future` when it is empty.
    [[nodiscard]] instant first_deadline() noexcept {
        for (; !deadlines_.empty() && find(deadlines_.front()) == nullptr; deadlines_.pop_back())
            std::ranges::pop_heap(deadlines_, later_first);
        return deadlines_.empty() ? far_future : deadlines_.front().at;
    }

    // ---- entering and leaving

    /// Marks the waiter as one whose first decision is in progress. A cancellation in the meantime is recorded.
    static void begin(waiter& w) noexcept { w.stage_ = waiter::stage::deciding; }
    /// Whether the waiter was cancelled while its first decision was in progress.
    [[nodiscard]] static bool was_cancelled(const waiter& w) noexcept { return w.stage_ == waiter::stage::cancelled; }
    /// Records the cancellation of a waiter whose first decision is in progress. Returns whether it was in progress.
    static bool cancel_early(waiter& w) noexcept {
        if (w.stage_ != waiter::stage::deciding)
            return false;
        w.stage_ = waiter::stage::cancelled;
        return true;
    }

    /// Adds a waiter at the end. **Exception safety.** Strong.
    void push(waiter& w, const assessment& expected) {
        if (queued_.size() > 2 * size_ + always_exact)
            compact();
        deadlines_.push_back({w.deadline, end_});
        try {
            queued_.push_back({&w, (empty() ? gone_ : queued_.back().ends) + w.cost, expected});
        } catch (...) {
            deadlines_.pop_back();
            throw;
        }
        std::ranges::push_heap(deadlines_, later_first);
        w.position_ = end_++;
        w.stage_ = waiter::stage::queued;
        ++size_;
        uncounted_ += w.cost == 0 ? 1U : 0U;
        polled_ += w.is_polled() ? 1U : 0U;
    }

    /// Removes a waiter, sets its answer, and adds it to `done`. **Preconditions.** It is queued.
    void complete(waiter& w, const decision& verdict, instant now, completions& done) noexcept {
        leave(at(w.position_), verdict, now, done);
        for (; left_ < queued_.size() && queued_[left_].request == nullptr; ++left_)
            gone_ = queued_[left_].ends;
        if (size_ == 0) {
            queued_.clear();
            deadlines_.clear();
            left_ = 0;
            gone_ = 0;
            stale_ = 0;
            front_due_ = far_future;
        }
    }

    /// Calls `fn(waiter&)` for each waiter that waits for the gate alone, until `fn` returns false. `fn` may complete
    /// the waiter. **Complexity.** O(waiters).
    template <class F>
    void for_each_uncounted(F&& fn) {
        // By position, because a waiter that leaves may also remove empty places at the front.
        for (std::uint64_t i = first(); i != end_ && uncounted_ > 0; i = std::max(i + 1, first())) {
            waiter* w = at(i).request;
            if (w != nullptr && w->cost == 0 && !fn(*w))
                return;
        }
    }

    /// A waiter whose deadline has passed; null if there is none.
    [[nodiscard]] waiter* next_late(instant now) noexcept {
        return first_deadline() <= now ? find(deadlines_.front()) : nullptr;
    }

    // ---- assessments

    /// The state has changed, so the assessments are out of date.
    void mark_stale() noexcept { stale_ += size_ > 0 ? 1 : 0; }
    [[nodiscard]] bool is_stale() const noexcept { return stale_ > 0; }
    /// Whether the assessments must be made again now: see `always_exact`.
    [[nodiscard]] bool wants_assessment() const noexcept {
        return stale_ > 0 && (size_ <= always_exact || stale_ >= size_);
    }
    [[nodiscard]] const assessment& expected(const waiter& w) const noexcept {
        return queued_[left_ + static_cast<std::size_t>(w.position_ - first())].expected;
    }
    /// Sets the assessment of the front to that of its last try.
    void set_front_expected(const assessment& f) noexcept { queued_[left_].expected = f; }

    /// The first waiters as part of the sequence of units that `assess` reads.
    struct ahead {
        const wait_queue& queue;
        std::size_t count;

        [[nodiscard]] std::int64_t units() const noexcept {
            return count == 0 ? 0 : queue.queued_[queue.left_ + count - 1].ends - queue.gone_;
        }
        /// The assessment of the k-th newest unit; 0 is the last one ahead.
        [[nodiscard]] instant nth_newest(std::int64_t k) const noexcept {
            const std::int64_t all = units();
            const std::int64_t unit = all - k;  // counted from 1 at the front
            const auto first = queue.queued_.begin() + static_cast<std::ptrdiff_t>(queue.left_);
            // Nearly every request costs one unit. Then the place is known without a search.
            if (queue.has_no_gaps() && all == static_cast<std::int64_t>(count))
                return first[static_cast<std::ptrdiff_t>(unit - 1)].expected.at;
            return std::lower_bound(first, first + static_cast<std::ptrdiff_t>(count), unit + queue.gone_,
                                    [](const queued& p, std::int64_t u) { return p.ends < u; })
                ->expected.at;
        }
        /// The assessment of the last waiter ahead; null if there is none.
        [[nodiscard]] const assessment* last() const noexcept {
            return count == 0 ? nullptr : &queue.queued_[queue.left_ + count - 1].expected;
        }
    };
    [[nodiscard]] ahead all_ahead() const noexcept { return {*this, queued_.size() - left_}; }

    /// Makes the assessments of all waiters behind the front again. `assess_behind(waiter&, ahead)` returns an
    /// assessment. `refuse(waiter&, assessment)` returns whether it is too late for that waiter; then
    /// `verdict(assessment)` is its answer.
    ///
    /// **Complexity.** O(waiters) calls.
    template <class AssessBehind, class Refuse, class Verdict>
    void assess_all(instant now, completions& done, AssessBehind&& assess_behind, Refuse&& refuse, Verdict&& verdict) {
        stale_ = 0;
        for (std::size_t i = left_ + 1; i < queued_.size(); ++i) {
            queued& p = queued_[i];
            const queued& before = queued_[i - 1];
            if (p.request != nullptr) {
                const assessment f = assess_behind(*p.request, ahead{*this, i - left_});
                if (!refuse(*p.request, f)) {
                    p.ends = before.ends + p.request->cost;
                    p.expected = f;
                    continue;
                }
                leave(p, verdict(f), now, done);
            }
            // An empty place adds nothing to the sequence of units.
            p.ends = before.ends;
            p.expected = before.expected;
        }
    }

    // ---- waking

    /// Wakes the front if it sleeps beyond `front_due`. It gets no message if the time moved later: one early wake-up
    /// is harmless.
    void notify_front() noexcept {
        waiter& w = front();
        const instant at = std::min(front_due_, w.deadline);
        const bool is_news = &w != notified_ || at < notified_at_;
        notified_ = &w;
        notified_at_ = at;
        if (is_news)
            w.wake_earlier();
    }

private:
    struct queued {
        waiter* request = nullptr;  // null once it has left
        std::int64_t ends = 0;      // units of all waiters up to and with this one, counted over the queue's life
        assessment expected{};      // the result of its last assessment
    };
    struct due {
        instant at;
        std::uint64_t position;
    };
    /// Makes a heap with the earliest item on top.
    static constexpr auto later_first = [](const due& a, const due& b) noexcept { return a.at > b.at; };

    /// Whether every place belongs to a waiter whose units count.
    [[nodiscard]] bool has_no_gaps() const noexcept { return uncounted_ == 0 && size_ == queued_.size() - left_; }
    [[nodiscard]] std::uint64_t first() const noexcept { return end_ - (queued_.size() - left_); }
    [[nodiscard]] queued& at(std::uint64_t position) noexcept {
        return queued_[left_ + static_cast<std::size_t>(position - first())];
    }
    /// The waiter that a deadline belongs to; null if it has left.
    [[nodiscard]] waiter* find(const due& d) const noexcept {
        if (d.position < first() || d.position >= end_)
            return nullptr;
        waiter* w = queued_[left_ + static_cast<std::size_t>(d.position - first())].request;
        return w != nullptr && w->deadline == d.at ? w : nullptr;
    }
    void leave(queued& p, const decision& verdict, instant now, completions& done) noexcept {
        waiter& w = *std::exchange(p.request, nullptr);
        w.verdict = verdict;
        w.verdict.waited = now - w.arrived;
        w.stage_ = waiter::stage::completed;
        --size_;
        uncounted_ -= w.cost == 0 ? 1U : 0U;
        polled_ -= w.is_polled() ? 1U : 0U;
        if (notified_ == &w)
            notified_ = nullptr;
        done.add(w);
    }
    /// Removes the empty places between waiters, and the deadlines of waiters that have left.
    void compact() noexcept {
        std::erase_if(queued_, [](const queued& p) { return p.request == nullptr; });
        left_ = 0;
        deadlines_.clear();
        end_ = queued_.size();
        for (std::size_t i = 0; i < queued_.size(); ++i) {
            queued_[i].request->position_ = i;
            deadlines_.push_back({queued_[i].request->deadline, i});  // within the capacity: there were more before
        }
        std::ranges::make_heap(deadlines_, later_first);
    }

    std::vector<queued> queued_;
    std::size_t left_ = 0;        // number of places at the beginning that were removed
    std::vector<due> deadlines_;  // a heap; it may contain deadlines of waiters that have left
    std::uint64_t end_ = 0;       // position of the next place
    std::int64_t gone_ = 0;       // `ends` of the last place before the front
    std::size_t size_ = 0;        // places that are not empty
    std::size_t uncounted_ = 0;
    std::size_t polled_ = 0;
    std::size_t stale_ = 0;  // number of changes since the assessments were made
    instant front_due_ = far_future;
    const waiter* notified_ = nullptr;
    instant notified_at_ = far_future;
};

}  // namespace weir
