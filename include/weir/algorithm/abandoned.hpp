// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace weir {

/// Open requests of a key that ended without an answer. Each of them may still reach the server until its `end`; it is
/// stamped with that instant. There are few, and in most keys none. The first one needs no allocation.
///
/// **Thread safety.** None: the owner's lock. **Exception safety.** Nothing throws. If there is no memory for one
/// more, its units are added to those of another. Both then count until the later end, which is safe.
class abandoned_requests {
public:
    struct item {
        instant end;
        std::int64_t units;
    };

    abandoned_requests() = default;
    abandoned_requests(abandoned_requests&& other) noexcept
        : first_(std::exchange(other.first_, none)), all_(std::move(other.all_)) {}
    abandoned_requests& operator=(abandoned_requests&& other) noexcept {
        first_ = std::exchange(other.first_, none);
        all_ = std::move(other.all_);
        return *this;
    }

    /// **Preconditions.** `units` is positive.
    void add(instant end, std::int64_t units) noexcept {
        assert(units > 0);
        if (empty())
            first_ = {end, units};
        else
            add_to_list({end, units});
    }
    /// Calls `f(item)` for each item whose end is not later than `now`, in the order of the ends, and removes it.
    template <class F>
    void take_until(instant now, F&& f) noexcept {
        while (!empty() && first_.end <= now) {
            f(std::as_const(first_));
            if (all_ != nullptr)
                all_->pop_back();
            first_ = all_ == nullptr || all_->empty() ? none : all_->back();
        }
        if (empty())
            all_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return first_.units == 0; }
    [[nodiscard]] instant first_end() const noexcept { return first_.end; }
    [[nodiscard]] instant last_end() const noexcept { return empty() ? long_ago : items().front().end; }
    [[nodiscard]] std::int64_t units() const noexcept {
        std::int64_t sum = 0;
        for (const item& i : items())
            sum += i.units;
        return sum;
    }
    /// The latest end first.
    [[nodiscard]] std::span<const item> items() const noexcept {
        if (all_ != nullptr)
            return *all_;
        return {&first_, empty() ? std::size_t{0} : std::size_t{1}};
    }

private:
    static constexpr item none{far_future, 0};

    [[gnu::noinline]] void add_to_list(item more) noexcept {
        try {
            if (all_ == nullptr) {
                auto list = std::make_unique<std::vector<item>>();
                list->reserve(4);
                list->push_back(first_);
                all_ = std::move(list);
            }
            all_->insert(std::ranges::upper_bound(*all_, more.end, std::ranges::greater{}, &item::end), more);
            first_ = all_->back();
        } catch (const std::bad_alloc&) {
            join_another(more);
        }
    }
    void join_another(item more) noexcept {
        item& other = all_ == nullptr ? first_ : all_->front();
        other = {std::max(other.end, more.end), other.units + more.units};
        if (all_ != nullptr)
            first_ = all_->back();
    }

    item first_ = none;                       ///< the one that ends first
    std::unique_ptr<std::vector<item>> all_;  ///< the latest end first; null while there is no more than one
};

}  // namespace weir
