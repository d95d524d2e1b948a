// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/detail/coarse_tail.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace weir {

/// A key's history: it answers when the k-th newest unit was stamped.
///
/// The newest units are exact stamps in a ring that grows on use. A unit that leaves the ring goes to a tail of cells.
/// All units of a cell count as stamped when its newest unit was, so an answer is never too early.
///
/// `reserve` makes room before `push`. Then `push` keeps every stamp exactly and allocates nothing, so that the answer
/// of a server can always be recorded. If more units are pushed than were reserved, the oldest stamps move to the tail.
///
/// **Thread safety.** None: the owner's lock. **Lifetime.** Movable.
class stamp_log {
public:
    stamp_log() = default;
    stamp_log(stamp_log&& other) noexcept { *this = std::move(other); }
    stamp_log& operator=(stamp_log&& other) noexcept {
        ring_ = std::move(other.ring_);
        tail_ = std::exchange(other.tail_, {});
        newest_ = std::exchange(other.newest_, long_ago);
        capacity_ = std::exchange(other.capacity_, 0);
        next_ = std::exchange(other.next_, 0);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    // ---- changes

    /// Makes room for `units` units that will be pushed, in addition to those that are here.
    ///
    /// **Errors.** `std::bad_alloc`; every answer stays the same then. **Complexity.** O(1) amortised; one step moves
    /// half of the ring or a few hundred stamps.
    [[gnu::always_inline]] void reserve(std::int64_t units, instant now, const retention& kept) {
        if (size_ + units > capacity_) [[unlikely]]
            make_room(units, now, kept);
    }

    /// Stamps `units` units with `at`.
    ///
    /// **Preconditions.** `at` is not earlier than any stamp before it, and something was reserved since the log was
    /// made. **Complexity.** O(units), and no more than `kept.exact`.
    [[gnu::always_inline]] void push(instant at, std::int64_t units, const retention& kept) noexcept {
        assert(at >= newest_ && units >= 1 && capacity_ > 0);
        newest_ = at;
        if (const auto exact = static_cast<std::int64_t>(kept.exact); units > exact) [[unlikely]] {
            keep_newest(0, at, kept);
            push_to_tail(at, units - exact, kept);
            units = exact;
        }
        for (; units > 0; --units) {
            if (size_ == capacity_) [[unlikely]]
                give_way(at, kept);
            ring_[next_] = at;
            next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
            ++size_;
        }
    }

    /// Removes up to `units` units stamped exactly `at`. Returns how many it found.
    ///
    /// **Complexity.** O(units newer than `at`), and O(cells) if the ring does not hold all of them.
    std::int64_t remove(instant at, std::int64_t units) noexcept {
        std::uint32_t newer = 0;
        while (newer < size_ && slot(newer) > at)
            ++newer;
        std::uint32_t gap = 0;
        while (gap < units && newer + gap < size_ && slot(newer + gap) == at)
            ++gap;
        if (gap > 0) {
            for (std::uint32_t i = newer; i > 0; --i)
                slot(i - 1 + gap) = slot(i - 1);
            next_ = next_ >= gap ? next_ - gap : next_ + capacity_ - gap;
            size_ -= gap;
        }
        return gap < units && at <= tail_.newest() ? gap + tail_.remove(at, units - gap) : gap;
    }

    /// Forgets every stamp, but keeps the room that was made.
    void clear() noexcept {
        tail_ = {};
        newest_ = long_ago;
        next_ = size_ = 0;
    }

    /// Asks the processor for the memory of the next stamp, so that nothing has to wait for the write.
    [[gnu::always_inline]] void fetch() const noexcept { __builtin_prefetch(ring_.get() + next_, 1); }

    // ---- queries

    /// The stamp of the k-th newest unit, where 0 is the newest; `long_ago` if there is no such unit or it is
    /// forgotten. A caller that needs no difference between stamps up to `settled` may pass it.
    ///
    /// **Preconditions.** k >= 0. **Complexity.** O(1) among the exact stamps, or if all units beyond them are up to
    /// `settled`; else O(log cells).
    [[nodiscard, gnu::always_inline]] instant nth_newest(std::int64_t k, instant settled = long_ago) const noexcept {
        if (k < static_cast<std::int64_t>(size_))
            return ring_[index(static_cast<std::uint32_t>(k))];
        if (tail_.newest() <= settled) [[likely]]
            return tail_.newest();
        return nth_newest_of_tail(static_cast<std::uint64_t>(k) - size_);
    }

    /// How many units are stamped later than `at`. A cell counts as a whole if its newest stamp is later.
    ///
    /// **Complexity.** O(log stamps).
    [[nodiscard]] std::int64_t newer_than(instant at) const noexcept {
        std::uint32_t low = 0;
        std::uint32_t high = size_;
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            if (ring_[index(middle)] > at)
                low = middle + 1;
            else
                high = middle;
        }
        return low < size_ || tail_.newest() <= at ? low : size_ + tail_.newer_than(at);
    }

    /// The latest stamp that was ever pushed; `long_ago` if there was none.
    [[nodiscard]] instant newest() const noexcept { return newest_; }

    /// Bytes on the heap.
    [[nodiscard]] std::size_t bytes() const noexcept { return capacity_ * sizeof(instant) + tail_.bytes(); }

private:
    /// How many stamps leave a full ring at once: enough that it happens seldom, and few enough to be quick.
    static constexpr std::size_t max_batch = 128;
    [[nodiscard]] static std::size_t batch(const retention& kept) noexcept {
        return std::clamp<std::size_t>(kept.exact / 8, 8, max_batch);
    }
    [[nodiscard, gnu::noinline]] instant nth_newest_of_tail(std::uint64_t back) const noexcept {
        return tail_.nth_newest(back);
    }
    [[nodiscard, gnu::always_inline]] std::uint32_t index(std::uint32_t k) const noexcept {
        return next_ > k ? next_ - 1 - k : next_ + capacity_ - 1 - k;
    }
    [[nodiscard]] instant& slot(std::uint32_t k) noexcept { return ring_[index(k)]; }

    /// `reserve` when the ring has no room. First, the oldest quarter leaves if it decides nothing any more; otherwise
    /// the ring grows until it holds one batch more than the windows need. Second, the stamps beyond that number leave.
    /// Third, the stamps that the windows do not need after the units to come leave; if there are none, the ring grows
    /// once more.
    [[gnu::noinline]] void make_room(std::int64_t units, instant now, const retention& kept) {
        const auto lacks_room = [&] { return size_ + units > capacity_; };
        const auto decides = [&](std::uint32_t k) { return k < size_ && slot(k) > now - kept.longest; };
        const auto wider = [&](std::size_t max) {
            const auto wanted = static_cast<std::uint64_t>(size_ + units);
            return static_cast<std::uint32_t>(
                std::min<std::uint64_t>(max, std::max<std::uint64_t>({4, std::uint64_t{capacity_} * 2, wanted})));
        };
        const auto exact = static_cast<std::uint32_t>(kept.exact);
        if (const std::size_t full = exact + batch(kept); capacity_ < full) {
            const std::uint32_t quarter = std::clamp(size_ / 4, 1U, static_cast<std::uint32_t>(max_batch));
            if (size_ > 0 && !decides(size_ - quarter)) {
                // All of them at once, because each time costs some lines of memory that nothing else reads. A few
                // hundred at most, to be quick.
                std::uint32_t stays = size_ - std::min(size_, static_cast<std::uint32_t>(2 * max_batch));
                for (std::uint32_t gone = size_ - quarter; stays < gone;) {
                    const std::uint32_t middle = stays + (gone - stays) / 2;
                    if (decides(middle))
                        stays = middle + 1;
                    else
                        gone = middle;
                }
                move_to_tail(stays, now, kept);
            }
            if (lacks_room())
                grow(wider(full));
        }
        if (lacks_room())
            move_to_tail(exact, now, kept);
        if (!lacks_room())
            return;
        const auto stays = static_cast<std::uint32_t>(exact - std::min<std::int64_t>(exact, units));
        if (const std::size_t widest = 2 * exact + batch(kept); decides(stays) && capacity_ < widest)
            grow(wider(widest));
        tail_.reserve(1, now, kept);
        if (lacks_room())
            move_to_tail(stays, now, kept);
    }

    [[gnu::noinline]] void grow(std::uint32_t wider) {
        auto bigger = std::make_unique_for_overwrite<instant[]>(wider);
        const std::uint32_t oldest = size_ == 0 ? 0 : index(size_ - 1);
        const std::uint32_t before_wrap = std::min(size_, capacity_ - oldest);
        const auto rest = std::copy_n(ring_.get() + oldest, before_wrap, bigger.get());
        std::copy_n(ring_.get(), size_ - before_wrap, rest);
        ring_ = std::move(bigger);
        capacity_ = wider;
        next_ = size_ == wider ? 0 : size_;
    }

    /// Moves all but the newest `stays` stamps to the tail, which gets room for them first.
    void move_to_tail(std::uint32_t stays, instant now, const retention& kept) {
        if (size_ <= stays)
            return;
        tail_.reserve(std::min<std::size_t>(size_ - stays, max_batch), now, kept);
        keep_newest(stays, now, kept);
    }
    /// The same, without allocating.
    void keep_newest(std::uint32_t stays, instant now, const retention& kept) noexcept {
        while (size_ > stays)
            move_cell(stays, now, kept);
    }
    /// Moves as many of the oldest stamps as fit into one cell.
    void move_cell(std::uint32_t stays, instant now, const retention& kept) noexcept {
        const instant first = slot(size_ - 1);
        const instant edge = tail_.open(first, now, kept);
        const auto fits = [&](instant at) { return at == first || tail_.fits(at, edge, now, kept); };
        // Most cells begin with one stamp each: the search is for where they do not.
        std::uint32_t newest = size_ - 1;
        if (newest > stays && fits(slot(newest - 1)))
            newest = stays;
        for (std::uint32_t oldest = size_ - 1; newest < oldest;) {
            const std::uint32_t middle = newest + (oldest - newest) / 2;
            if (fits(slot(middle)))
                oldest = middle;
            else
                newest = middle + 1;
        }
        close_cell(slot(newest), size_ - newest);
        size_ = newest;
    }

    /// Puts units beyond the capacity of the ring into the tail at once, after all the stamps that the ring held.
    [[gnu::noinline, gnu::cold]] void push_to_tail(instant at, std::int64_t units, const retention& kept) noexcept {
        static_cast<void>(tail_.open(at, at, kept));
        close_cell(at, static_cast<std::uint64_t>(units));
    }
    void close_cell(instant stamp, std::uint64_t units) noexcept { tail_.close(stamp, units); }
    /// Frees places in a full ring without allocating.
    [[gnu::noinline, gnu::cold]] void give_way(instant at, const retention& kept) noexcept {
        keep_newest(size_ - std::min(size_, static_cast<std::uint32_t>(batch(kept))), at, kept);
    }

    std::unique_ptr<instant[]> ring_;
    instant newest_ = long_ago;
    std::uint32_t capacity_ = 0;
    std::uint32_t next_ = 0;  ///< where the next stamp goes
    std::uint32_t size_ = 0;
    detail::coarse_tail tail_;
};

}  // namespace weir
