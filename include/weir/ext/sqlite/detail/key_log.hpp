// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/detail/key_row.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/entry_ids.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir::sqlite::detail {

/// A key's history: the newest stamps in its row, older ones in blocks. `Blocks` has `get(no, block)`, `put(no, block)`
/// and `drop(no)`.
///
/// It answers like `weir::stamp_log`. Instead of the coarse tail it has one stamp, the newest that was dropped.
template <class Blocks>
class key_log {
public:
    key_log(key_row& row, Blocks& blocks) : row_(row), blocks_(blocks) {}

    /// The maximum of units that are kept, whatever the limit: 8 MiB a key. A larger window admits late, never too
    /// many.
    static constexpr std::int64_t max_units = std::int64_t{1} << 20;

    void push(instant at, std::int64_t units, const window_plan& plan) {
        row_.newest = std::max(row_.newest, at);
        row_.changed = true;
        const std::int64_t kept = kept_units(plan);
        if (units > kept)
            row_.dropped = row_.newest;
        for (units = std::min(units, kept); units > 0; --units) {
            row_.recent.push_back(row_.newest);
            if (row_.recent.size() > 2 * block_units)
                spill(plan, kept);
        }
    }

    /// Takes back up to `units` units stamped exactly `at`.
    void remove(instant at, std::int64_t units) {
        auto& recent = row_.recent;
        // Blocks that may contain some of them move back into the row, and leave it again later.
        while (row_.end_block > row_.first_block && (recent.empty() || recent.front() >= at)) {
            stamp_block block = fetch(row_.end_block - 1);
            if (block.stamps.back() < at)
                break;
            blocks_.drop(--row_.end_block);
            recent.insert(recent.begin(), block.stamps.begin(), block.stamps.end());
        }
        const auto [first, last] = std::ranges::equal_range(recent, at);
        recent.erase(first, first + std::min<std::ptrdiff_t>(units, last - first));
        while (recent.size() > 2 * block_units)
            spill_oldest();
        row_.changed = true;
    }

    [[nodiscard]] instant nth_newest(std::int64_t k, instant settled = long_ago) const {
        const auto& recent = row_.recent;
        const auto held = static_cast<std::int64_t>(recent.size());
        if (k < held)
            return recent[static_cast<std::size_t>(held - 1 - k)];
        if (held > 0 && recent.front() <= settled)
            return recent.front();
        k -= held;
        const std::int64_t no = row_.end_block - 1 - k / std::int64_t{block_units};
        if (no < row_.first_block)
            return row_.dropped;
        return fetch(no).stamps[block_units - 1 - static_cast<std::size_t>(k) % block_units];
    }

    /// Number of kept units that are stamped later than `at`. No window needs more.
    [[nodiscard]] std::int64_t newer_than(instant at) const {
        std::int64_t low = 0;
        std::int64_t high = (row_.end_block - row_.first_block) * std::int64_t{block_units} +
                            static_cast<std::int64_t>(row_.recent.size());
        while (low < high) {
            const std::int64_t middle = low + (high - low) / 2;
            if (nth_newest(middle) > at)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

private:
    [[nodiscard]] static std::int64_t kept_units(const window_plan& plan) {
        auto max = static_cast<std::int64_t>(plan.kept.exact);
        for (const window& w : plan.windows)
            max = std::max(max, w.limit);
        // One request may cost more than a window holds.
        if (!plan.windows.empty() && plan.max_cost < INT64_MAX)
            max = std::max(max, plan.max_cost);
        return std::min(max, max_units);
    }
    [[nodiscard]] stamp_block fetch(std::int64_t no) const {
        stamp_block block;
        blocks_.get(no, block);
        return block;
    }
    void spill_oldest() {
        stamp_block block;
        std::copy_n(row_.recent.begin(), block_units, block.stamps.begin());
        blocks_.put(row_.end_block++, block);
        row_.recent.erase(row_.recent.begin(), row_.recent.begin() + block_units);
    }
    /// Makes a block from the oldest stamps in the row, and drops a few that no window of `plan` needs.
    void spill(const window_plan& plan, std::int64_t kept) {
        spill_oldest();
        for (int i = 0; i < 8 && row_.first_block < row_.end_block; ++i) {
            const instant last = fetch(row_.first_block).stamps.back();
            const std::int64_t others = (row_.end_block - row_.first_block - 1) * std::int64_t{block_units} +
                                        static_cast<std::int64_t>(row_.recent.size());
            if (others < kept && last > row_.newest - plan.kept.longest)
                return;
            row_.dropped = last;
            blocks_.drop(row_.first_block++);
        }
    }

    key_row& row_;
    Blocks& blocks_;
};

/// What `weir::assess` reads, and the steps of a verb.
template <class Blocks>
struct key_view {
    key_view(key_row& r, Blocks& blocks) : row(r), log(r, blocks) { refresh(); }

    key_row& row;
    key_log<Blocks> log;
    std::int64_t open = 0;
    std::int64_t in_flight = 0;
    instant gate{};

    /// An entry whose holder has not settled it until its expiry counts as answered then.
    void expire(instant t, const window_plan& plan) {
        if (row.next_expiry > t)
            return;
        std::vector<held_entry> gone;
        row.next_expiry = far_future;
        std::erase_if(row.entries, [&](const held_entry& e) {
            if (e.expires > t) {
                row.next_expiry = std::min(row.next_expiry, e.expires);
                return false;
            }
            gone.push_back(e);
            return true;
        });
        std::ranges::sort(gone, {}, [](const held_entry& e) { return std::pair{e.expires, e.id}; });
        for (const held_entry& e : gone) {
            if (e.open) {
                row.open -= e.cost;
                log.push(e.expires, e.cost, plan);
            }
        }
        row.changed = true;
        refresh();
    }

    /// Records an admitted request; returns its id. An entry gets the next of `ids`, which names its holder.
    std::uint64_t enter(const window_plan& plan, std::int64_t cost, instant t, instant expires,
                        remote::entry_ids& ids) {
        if (!plan.from_response)
            log.push(t, cost, plan);
        row.changed = true;
        if (!plan.from_response && plan.max_concurrent == 0)
            return stamp_only(t);
        const std::uint64_t id = ids.next();
        row.add({id, cost, plan.from_response, t, expires});
        return id;
    }

    /// Settles the entry `id`, if it still exists. Returns its id from now on; 0 = it has none. `grace` is for
    /// `settlement::abandoned`.
    std::uint64_t settle(const window_plan& plan, std::uint64_t id, std::int64_t cost, settlement how, instant t,
                         duration grace) {
        if (is_stamp_only(id)) {
            if (how == settlement::refunded)
                log.remove(stamp_of(id), cost);
            return id;
        }
        const auto e = std::ranges::find(row.entries, id, &held_entry::id);
        if (e == row.entries.end())
            return 0;
        row.changed = true;
        if (how == settlement::refunded) {
            const held_entry gone = *e;
            row.remove(e);
            if (!gone.open)
                log.remove(gone.stamp, gone.cost);
            return 0;
        }
        if (how == settlement::abandoned && e->open) {
            e->id = 0;
            e->expires = std::min(e->expires, saturating_add(t, std::max(grace, duration::zero())));
            row.next_expiry = std::min(row.next_expiry, e->expires);
            return 0;
        }
        if (e->open) {
            row.open -= e->cost;
            e->open = false;
            log.push(t, e->cost, plan);
            e->stamp = row.newest;
        }
        if (how == settlement::answered && plan.max_concurrent > 0)
            return id;
        const instant stamp = e->stamp;
        row.remove(e);
        return stamp_only(stamp);
    }

    /// Lowers the entry `id` from `before` units to `cost`, if it still exists.
    void reduce(std::uint64_t id, std::int64_t before, std::int64_t cost) {
        if (is_stamp_only(id))
            return log.remove(stamp_of(id), before - cost);
        const auto e = std::ranges::find(row.entries, id, &held_entry::id);
        if (e == row.entries.end() || e->cost <= cost)
            return;
        const std::int64_t unused = std::exchange(e->cost, cost) - cost;
        row.changed = true;
        if (e->open)
            row.open -= unused;
        else
            log.remove(e->stamp, unused);
    }

    /// An entry that is only a stamp needs no place in the row: its id is the stamp.
    [[nodiscard]] static bool is_stamp_only(std::uint64_t id) noexcept { return id >> 63 != 0; }
    [[nodiscard]] static std::uint64_t stamp_only(instant t) noexcept {
        return static_cast<std::uint64_t>(t.time_since_epoch().count()) | std::uint64_t{1} << 63;
    }
    [[nodiscard]] static instant stamp_of(std::uint64_t id) noexcept {
        return instant{duration{static_cast<std::int64_t>(id & ~(std::uint64_t{1} << 63))}};
    }

    void refresh() noexcept {
        open = row.open;
        in_flight = std::ranges::count_if(row.entries, [](const held_entry& e) { return e.id != 0; });
        gate = row.gate;
    }
};

}  // namespace weir::sqlite::detail
