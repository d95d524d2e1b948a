// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace weir::detail {

/// The part of a key's history that is too old, or too long, for exact stamps. It consists of cells of units. All units
/// of a cell count as stamped when its newest unit was. So an answer is never too early, and it is late by at most the
/// width of a cell.
///
/// Cells get wider as they age. When the memory is full, and there are more than a few cells, one pass merges each pair
/// of neighbours that fits into one cell. `retention::cell_width` gives the greatest width of a cell by the age of its
/// newest unit, and so bounds the number of cells. A step costs O(cells) at most.
///
/// **Thread safety.** None: the owner's lock. **Exception safety.** Only `reserve` allocates. If no cell is free, units
/// go into the last cell, however wide it becomes: answers are then late, never early.
class coarse_tail {
public:
    /// Makes room for `more` cells.
    ///
    /// **Errors.** `std::bad_alloc`; nothing has changed then.
    void reserve(std::size_t more, instant now, const retention& kept) {
        if (capacity_ - size_ >= more)
            return;
        if (size_ + more > few)
            compact(now, kept);
        // Repeated merging for one or two cells would cost more than the memory.
        if (size_ + more > capacity_ / 4 * 3)
            grow(size_ + more);
    }

    /// Chooses the cell for units stamped `stamp`. It may share the cell of units that are later than the result.
    /// `close` follows.
    ///
    /// **Preconditions.** `stamp` is not earlier than `newest()`.
    [[nodiscard]] instant open(instant stamp, instant now, const retention& kept) noexcept {
        if (units_ == forgotten_ && size_ == 0)
            began_ = stamp;
        // Units of one instant are never in two cells, because `remove` could not know how many are in each.
        if (size_ > 0 && (stamp == newest_ || fits(stamp, edge(size_ - 1), now, kept)))
            return edge(size_ - 1);
        if (size_ == capacity_)
            compact(now, kept);
        if (size_ < capacity_)
            cells_[size_++] = {newest_, units_};
        return size_ == 0 ? began_ : edge(size_ - 1);
    }
    /// Whether units up to `stamp` may share a cell whose units are later than `edge`.
    [[nodiscard]] bool fits(instant stamp, instant edge, instant now, const retention& kept) const noexcept {
        return stamp - edge <= (size_ <= few ? kept.new_cell_width() : kept.cell_width(now - stamp));
    }
    /// Puts `units` units, the newest of them stamped `stamp`, into the cell that `open` chose.
    void close(instant stamp, std::uint64_t units) noexcept {
        units_ += units;
        newest_ = stamp;
        if (size_ > 0)
            cells_[size_ - 1] = {stamp, units_};
    }

    /// Removes up to `units` units stamped exactly `at`. Returns how many there were in the cell that contains them.
    ///
    /// **Complexity.** O(cells).
    std::int64_t remove(instant at, std::int64_t units) noexcept {
        if (at < began_ || at > newest_)
            return 0;
        const auto first = std::ranges::lower_bound(used(), at, {}, &cell::stamp);
        const std::uint64_t before = first == used().begin() ? forgotten_ : std::prev(first)->ends;
        const std::uint64_t ends = first == used().end() ? units_ : first->ends;
        const std::uint64_t removed = std::min(static_cast<std::uint64_t>(units), ends - before);
        for (auto i = static_cast<std::uint32_t>(first - used().begin()); i < size_; ++i)
            cells_[i].ends -= removed;
        units_ -= removed;
        return static_cast<std::int64_t>(removed);
    }

    /// The stamp of the k-th newest unit here; `long_ago` if there is none or it is forgotten.
    ///
    /// **Complexity.** O(log cells).
    [[nodiscard]] instant nth_newest(std::uint64_t k) const noexcept {
        if (k >= units_ - forgotten_)
            return long_ago;
        const auto at = std::ranges::lower_bound(used(), units_ - k, {}, &cell::ends);
        return at == used().end() ? newest_ : at->stamp;
    }
    /// How many units are stamped later than `at`. A cell counts as a whole if its newest stamp is later.
    [[nodiscard]] std::int64_t newer_than(instant at) const noexcept {
        if (newest_ <= at)
            return 0;
        const auto first = std::ranges::upper_bound(used(), at, {}, &cell::stamp);
        return static_cast<std::int64_t>(units_ - (first == used().begin() ? forgotten_ : std::prev(first)->ends));
    }
    /// The latest stamp that was ever added; `long_ago` if there was none.
    [[nodiscard]] instant newest() const noexcept { return newest_; }
    /// Bytes on the heap.
    [[nodiscard]] std::size_t bytes() const noexcept { return capacity_ * sizeof(cell); }

private:
    /// Below this number of cells, memory is cheaper than the precision that merging loses.
    static constexpr std::size_t few = 64;

    struct cell {
        instant stamp;       ///< of its newest unit
        std::uint64_t ends;  ///< number of units up to and with this cell that were ever added and not removed
    };

    [[nodiscard]] std::span<const cell> used() const noexcept { return {cells_.get(), size_}; }
    /// No unit of the i-th cell is stamped earlier than this.
    [[nodiscard]] instant edge(std::uint32_t i) const noexcept { return i == 0 ? began_ : cells_[i - 1].stamp; }

    /// Forgets what is too old for any reload. Then it merges each cell with the one before it if both fit into one.
    [[gnu::noinline, gnu::cold]] void compact(instant now, const retention& kept) noexcept {
        std::uint32_t in = 0;
        for (; in < size_ && cells_[in].stamp <= now - kept.keep; ++in) {
            forgotten_ = cells_[in].ends;
            began_ = cells_[in].stamp + duration{1};
        }
        std::uint32_t out = 0;
        for (; in < size_; ++in) {
            const cell c = cells_[in];
            const bool fits = out > 0 && c.stamp - edge(out - 1) <= kept.cell_width(now - c.stamp);
            cells_[fits ? out - 1 : out++] = c;
        }
        size_ = out;
    }
    [[gnu::noinline, gnu::cold]] void grow(std::size_t wanted) {
        const auto wider = static_cast<std::uint32_t>(std::max<std::size_t>({8, std::size_t{capacity_} * 2, wanted}));
        auto bigger = std::make_unique_for_overwrite<cell[]>(wider);
        std::ranges::copy(used(), bigger.get());
        cells_ = std::move(bigger);
        capacity_ = wider;
        // Units that were added while there was no cell.
        if (size_ == 0 && units_ > forgotten_)
            cells_[size_++] = {newest_, units_};
    }

    instant newest_ = long_ago;      // first, because every decision reads it
    std::unique_ptr<cell[]> cells_;  ///< oldest first
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
    instant began_ = long_ago;     ///< no unit of the first cell is stamped earlier
    std::uint64_t units_ = 0;      ///< units that were ever added and not removed
    std::uint64_t forgotten_ = 0;  ///< those of `units_` that are forgotten
};

}  // namespace weir::detail
