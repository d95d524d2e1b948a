// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/// Open requests of a key that ended without an answer. Each of them may still reach the server until its `end`; it is
/// stamped with that instant. There are few, and in most keys none.
///
/// **Thread safety.** None: the owner's lock. **Exception safety.** Only `reserve` allocates.
class abandoned_requests {
public:
    struct item {
        instant end;
        std::int64_t units;
    };

    /// How many more may be added.
    [[nodiscard]] std::size_t room() const noexcept { return items_.capacity() - items_.size(); }
    /// Makes room for `more`.
    ///
    /// **Errors.** `std::bad_alloc`; nothing has changed then.
    void reserve(std::size_t more) {
        if (room() < more)
            items_.reserve(std::max({std::size_t{4}, 2 * items_.capacity(), items_.size() + more}));
    }

    /// **Preconditions.** There is room.
    void add(instant end, std::int64_t units) noexcept {
        assert(room() > 0);
        items_.insert(std::ranges::upper_bound(items_, end, std::ranges::greater{}, &item::end), {end, units});
        first_end_ = items_.back().end;
    }
    /// Calls `f(item)` for each item whose end is not later than `now`, in the order of the ends, and removes it.
    template <class F>
    void take_until(instant now, F&& f) noexcept {
        while (!items_.empty() && items_.back().end <= now) {
            f(items_.back());
            items_.pop_back();
        }
        first_end_ = items_.empty() ? far_future : items_.back().end;
    }

    [[nodiscard]] instant first_end() const noexcept { return first_end_; }
    [[nodiscard]] instant last_end() const noexcept { return items_.empty() ? long_ago : items_.front().end; }
    [[nodiscard]] std::int64_t units() const noexcept {
        std::int64_t sum = 0;
        for (const item& i : items_)
            sum += i.units;
        return sum;
    }
    /// The latest end first.
    [[nodiscard]] const std::vector<item>& items() const noexcept { return items_; }

private:
    std::vector<item> items_;  ///< the latest end first
    instant first_end_ = far_future;
};

}  // namespace weir
