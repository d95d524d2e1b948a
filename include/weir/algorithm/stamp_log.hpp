// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace weir {

/// A key's history: when was the k-th newest unit stamped?
///
/// The newest units are exact stamps in a ring that grows on use. A unit that leaves the ring is merged into a tail of
/// cells, each rounded up to its newest stamp, so that what the tail says is never earlier than the truth.
///
/// **Thread safety.** None: the owner's lock. **Lifetime.** Movable. **Exception safety.** Basic: `push` may throw
/// `std::bad_alloc`.
class stamp_log {
public:
    stamp_log() = default;
    stamp_log(stamp_log&& other) noexcept { *this = std::move(other); }
    stamp_log& operator=(stamp_log&& other) noexcept {
        ring_ = std::move(other.ring_);
        tail_ = std::move(other.tail_);
        newest_ = std::exchange(other.newest_, long_ago);
        tail_newest_ = std::exchange(other.tail_newest_, long_ago);
        total_ = std::exchange(other.total_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        next_ = std::exchange(other.next_, 0);
        held_ = std::exchange(other.held_, 0);
        return *this;
    }

    /// Stamps `units` units with `at`.
    ///
    /// **Preconditions.** `at` is not earlier than any stamp before it. **Complexity.** O(units), amortised over
    /// growth.
    [[gnu::always_inline]] void push(instant at, std::int64_t units, const retention& kept) {
        assert(at >= newest_ && units >= 1);
        if (const auto exact = static_cast<std::int64_t>(kept.exact); units > exact) [[unlikely]] {
            push_bulk(at, units - exact, kept);
            units = exact;
        }
        for (; units > 0; --units) {
            if (held_ == capacity_) [[unlikely]]
                make_room(at, kept);
            ring_[next_] = at;
            next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
            ++held_;
            ++total_;
        }
        newest_ = at;
    }

    /// Takes back up to `units` units stamped exactly `at`; says how many it found among the exact stamps.
    ///
    /// **Complexity.** O(units newer than `at`).
    std::int64_t remove(instant at, std::int64_t units) {
        std::uint32_t newer = 0;
        while (newer < held_ && slot(newer) > at)
            ++newer;
        std::int64_t found = 0;
        while (found < units && newer + found < held_ && slot(newer + static_cast<std::uint32_t>(found)) == at)
            ++found;
        if (found == 0)
            return 0;
        const auto gap = static_cast<std::uint32_t>(found);
        for (std::uint32_t i = newer; i > 0; --i)
            slot(i - 1 + gap) = slot(i - 1);
        next_ = next_ >= gap ? next_ - gap : next_ + capacity_ - gap;
        held_ -= gap;
        total_ -= gap;
        return found;
    }

    /// The stamp of the k-th newest unit, 0 being the newest; `long_ago` when there is no such unit or it is forgotten.
    /// The caller may say that stamps up to `settled` are all the same to it.
    ///
    /// **Preconditions.** k >= 0. **Complexity.** O(1) among the exact stamps or where all beyond are settled, else
    /// O(log cells).
    [[nodiscard, gnu::always_inline]] instant nth_newest(std::int64_t k, instant settled = long_ago) const noexcept {
        if (k < static_cast<std::int64_t>(held_))
            return ring_[index(static_cast<std::uint32_t>(k))];
        if (tail_newest_ <= settled) [[likely]]
            return tail_newest_;
        return nth_newest_of_tail(static_cast<std::uint64_t>(k));
    }

    /// How many units are stamped later than `at`, counting a cell whole as soon as its newest stamp is.
    ///
    /// **Complexity.** O(log stamps + cells).
    [[nodiscard]] std::int64_t newer_than(instant at) const noexcept {
        std::uint32_t low = 0;
        std::uint32_t high = held_;
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            if (ring_[index(middle)] > at)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < held_ || tail_ == nullptr)
            return low;
        return static_cast<std::int64_t>(held_) + tail_->newer_than(at);
    }

    /// The latest stamp ever pushed; `long_ago` when there was none.
    [[nodiscard]] instant newest() const noexcept { return newest_; }

    /// Bytes on the heap.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return capacity_ * sizeof(instant) + (tail_ ? sizeof(tail) + tail_->cells.capacity() * sizeof(cell) : 0);
    }

private:
    /// Units that left the ring together, all counted as stamped at `stamp`, the newest of them.
    struct cell {
        instant stamp;
        std::uint64_t ends;  ///< units ever pushed, up to and with this cell
    };

    struct tail {
        std::vector<cell> cells;   ///< oldest first
        instant began = long_ago;  ///< the oldest stamp of the last cell
        duration width{1};
        std::uint64_t forgotten = 0;  ///< units ever pushed before the first cell

        [[nodiscard]] instant stamp_of(std::uint64_t unit) const noexcept {
            if (unit <= forgotten)
                return long_ago;
            const auto at = std::ranges::lower_bound(cells, unit, {}, &cell::ends);
            return at == cells.end() ? long_ago : at->stamp;
        }

        [[nodiscard]] std::int64_t newer_than(instant at) const noexcept {
            const auto first = std::ranges::upper_bound(cells, at, {}, &cell::stamp);
            if (first == cells.end())
                return 0;
            const std::uint64_t before = first == cells.begin() ? forgotten : std::prev(first)->ends;
            return static_cast<std::int64_t>(cells.back().ends - before);
        }

        /// The cell that a unit stamped `stamp` goes to is the last one from now on; its units are all stamped before
        /// the result.
        [[nodiscard]] instant open_for(instant stamp, instant now, const retention& kept) {
            if (kept.cell > duration::zero())
                width = kept.cell;
            if (cells.empty() || stamp - began >= width) {
                if (cells.size() >= kept.cells)
                    shrink(now, kept);
                cells.emplace_back();
                began = stamp;
            }
            return began + width;
        }

        /// Forgets what is too old for any reload, then merges neighbours that no window of the present plan tells
        /// apart.
        [[gnu::noinline, gnu::cold]] void shrink(instant now, const retention& kept) {
            const auto old = std::ranges::upper_bound(cells, now - kept.keep, {}, &cell::stamp);
            if (old != cells.begin())
                forgotten = std::prev(old)->ends;
            cells.erase(cells.begin(), old);
            const bool coarse = kept.cell > duration::zero();
            const auto settled =
                coarse ? std::ranges::upper_bound(cells, now - kept.longest, {}, &cell::stamp) : cells.end();
            const auto mergeable = static_cast<std::size_t>(settled - cells.begin());
            if (mergeable < 2)
                return;
            if (!coarse)
                width = std::max(width * 2, (cells.back().stamp - cells.front().stamp) / 32);
            std::size_t out = 0;
            for (std::size_t i = 0; i < mergeable; i += 2)
                cells[out++] = cells[std::min(i + 1, mergeable - 1)];
            cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(out), settled);
        }
    };

    [[nodiscard, gnu::noinline]] instant nth_newest_of_tail(std::uint64_t back) const noexcept {
        return back >= total_ ? long_ago : tail_->stamp_of(total_ - back);
    }
    [[nodiscard, gnu::always_inline]] std::uint32_t index(std::uint32_t k) const noexcept {
        return next_ > k ? next_ - 1 - k : next_ + capacity_ - 1 - k;
    }
    [[nodiscard]] instant& slot(std::uint32_t k) noexcept { return ring_[index(k)]; }

    /// Makes room for one stamp: stamps that decide nothing any more go to the tail, a quarter of the ring at least, or
    /// the ring grows.
    [[gnu::noinline]] void make_room(instant now, const retention& kept) {
        // An eighth more than the windows may ask for, so that a full ring is thinned in batches.
        const std::size_t most = kept.exact + std::max<std::size_t>(kept.exact / 8, 8);
        const std::uint32_t quarter = std::max(1U, held_ / 4);
        if (capacity_ < most && (held_ == 0 || slot(held_ - quarter) > now - kept.longest)) {
            const auto wider = static_cast<std::uint32_t>(std::min<std::size_t>(most, std::max(4U, capacity_ * 2)));
            auto bigger = std::make_unique_for_overwrite<instant[]>(wider);
            for (std::uint32_t i = 0; i < held_; ++i)
                bigger[i] = slot(held_ - 1 - i);
            ring_ = std::move(bigger);
            capacity_ = wider;
            next_ = held_;
            return;
        }
        keep_newest(capacity_ < most ? held_ - quarter : static_cast<std::uint32_t>(kept.exact), now, kept);
    }

    /// Moves all but the newest `stays` stamps to the tail, a cell at a time.
    void keep_newest(std::uint32_t stays, instant now, const retention& kept) {
        while (held_ > stays) {
            const instant end = tail_for(slot(held_ - 1), now, kept);
            // The newest unit of the cell: the search is for the first rank, from the newest, that is before its end.
            std::uint32_t newest = stays;
            for (std::uint32_t oldest = held_ - 1; newest < oldest;) {
                const std::uint32_t middle = newest + (oldest - newest) / 2;
                if (slot(middle) < end)
                    oldest = middle;
                else
                    newest = middle + 1;
            }
            close_cell(slot(newest), total_ - newest);
            held_ = newest;
        }
    }

    /// Opens the cell for `stamp`; returns before when its units are stamped.
    instant tail_for(instant stamp, instant now, const retention& kept) {
        if (tail_ == nullptr)
            tail_ = std::make_unique<tail>();
        return tail_->open_for(stamp, now, kept);
    }
    void close_cell(instant stamp, std::uint64_t ends) noexcept {
        tail_->cells.back() = {stamp, ends};
        tail_newest_ = stamp;
    }

    /// Units above what the ring may hold go to the tail at once, behind all that the ring held.
    [[gnu::noinline, gnu::cold]] void push_bulk(instant at, std::int64_t units, const retention& kept) {
        keep_newest(0, at, kept);
        total_ += static_cast<std::uint64_t>(units);
        tail_for(at, at, kept);
        close_cell(at, total_);
    }

    std::unique_ptr<instant[]> ring_;
    std::unique_ptr<tail> tail_;
    instant newest_ = long_ago;
    instant tail_newest_ = long_ago;
    std::uint64_t total_ = 0;  ///< units ever pushed and not removed
    std::uint32_t capacity_ = 0;
    std::uint32_t next_ = 0;  ///< where the next stamp goes
    std::uint32_t held_ = 0;
};

}  // namespace weir
