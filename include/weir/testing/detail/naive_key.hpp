// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace weir::testing::detail {

/// The behaviour of a key in the simplest form: a list with the stamp of every unit that was ever counted, and a list
/// of entries. Nothing is indexed, rounded or dropped, and no step is shared with the library.
struct naive_key {
    struct item {
        std::uint64_t id;
        std::int64_t cost;
        bool open;
        bool counted;  ///< its units are among the stamps
        instant stamp;
        instant expires;
        bool abandoned = false;  ///< it has ended, and stays open until it expires
    };

    std::vector<instant> stamps{};  ///< oldest first
    std::vector<item> entries{};
    instant gate = long_ago;
    multiplier factor{};
    tuner_state tuned{};  ///< without its factor, which is the member above
    instant newest = long_ago;
    std::uint64_t last_id = 0;

    /// The time of a verb that is called at `now`. Entries that have expired by then are stamped.
    instant begin(instant now) {
        const instant t = std::max(now, newest);
        std::ranges::sort(entries, {}, [](const item& e) { return std::pair{e.expires, e.id}; });
        while (!entries.empty() && entries.front().expires <= t) {
            const item gone = entries.front();
            entries.erase(entries.begin());
            if (gone.open)
                stamp(gone.expires, gone.cost);
        }
        return t;
    }
    [[nodiscard]] std::int64_t open_units() const {
        std::int64_t sum = 0;
        for (const item& e : entries)
            sum += e.open ? e.cost : 0;
        return sum;
    }
    [[nodiscard]] std::int64_t in_flight() const { return std::ranges::count(entries, false, &item::abandoned); }

    /// Open units, and stamps in (t − period, t].
    [[nodiscard]] std::int64_t used(duration period, instant t) const {
        return open_units() + std::ranges::count_if(stamps, [&](instant s) { return s > t - period; });
    }

    /// The earliest time from `t` on at which the window has room, if all open entries were answered at `t`. A cost
    /// above the limit needs an empty window.
    [[nodiscard]] instant has_room(const window& w, std::int64_t cost, instant t) const {
        std::vector<instant> units;
        std::ranges::copy_if(stamps, std::back_inserter(units), [&](instant s) { return s + w.period > t; });
        units.insert(units.end(), static_cast<std::size_t>(open_units()), t);
        const auto fits = [&](instant at) {
            const auto inside = std::ranges::count_if(units, [&](instant s) { return s + w.period > at; });
            return inside == 0 || inside + cost <= w.limit;
        };
        if (fits(t))
            return t;
        for (const instant s : units)
            if (s + w.period > t && fits(s + w.period))
                return s + w.period;
        return far_future;
    }

    [[nodiscard]] assessment decide(const window_plan& plan, std::int64_t cost, instant t) const {
        assessment best{t, cause::none, 0};
        if (cost > 0) {
            for (std::uint32_t i = 0; cost > plan.max_cost && i < plan.shown.size(); ++i)
                if (cost > plan.shown[i].limit)
                    return {far_future, cause::never, i};
            for (std::uint32_t i = 0; i < plan.windows.size(); ++i)
                if (const instant at = has_room(plan.windows[i], cost, t); at > best.at)
                    best = {at, cause::window, i};
            if (best.admits() && plan.max_concurrent > 0 && in_flight() >= plan.max_concurrent)
                best.cause = cause::concurrency;
        }
        if (gate > best.at)
            best = {gate, cause::gate, 0};
        if (!best.admits() && plan.max_hold < forever && gate - t > plan.max_hold) {
            best.cause = cause::gate;
            best.beyond_max_hold = true;
        }
        return best;
    }

    /// Enters an admitted request; its id is `last_id`.
    void enter(std::int64_t cost, instant t, bool from_response, instant expires) {
        entries.push_back({++last_id, cost, from_response, !from_response, t, expires});
        if (!from_response)
            stamp(t, cost);
    }
    void stamp(instant at, std::int64_t cost) {
        newest = std::max(newest, at);
        stamps.insert(stamps.end(), static_cast<std::size_t>(cost), newest);
    }
    /// `grace` is for `settlement::abandoned`.
    void settle(std::uint64_t id, settlement how, instant t, duration grace) {
        const auto e = std::ranges::find(entries, id, &item::id);
        if (e == entries.end() || e->abandoned)
            return;
        if (how == settlement::abandoned && e->open) {
            e->abandoned = true;
            e->expires = std::min(e->expires, t + grace);
            return;
        }
        if (how == settlement::refunded) {
            take_back(*e, e->cost);
        } else if (e->open) {
            stamp(t, e->cost);
            e->open = false;
            e->counted = true;
            e->stamp = newest;
        }
        if (how != settlement::answered)
            entries.erase(e);
    }
    void reduce(std::uint64_t id, std::int64_t cost) {
        const auto e = std::ranges::find(entries, id, &item::id);
        if (e == entries.end() || e->abandoned)
            return;
        take_back(*e, e->cost - cost);
        e->cost = cost;
    }
    void take_back(const item& e, std::int64_t units) {
        for (; e.counted && units > 0; --units)
            if (const auto at = std::ranges::find(stamps, e.stamp); at != stamps.end())
                stamps.erase(at);
    }
    bool hold(instant until) {
        if (until <= gate)
            return false;
        gate = until;
        return true;
    }
    void open_gate() { gate = long_ago; }
    tuner_state learn(tuner_step step) {
        tuned.factor = factor;
        tuned = step(tuned);
        factor = tuned.factor;
        return tuned;
    }
    void erase() {
        stamps.clear();
        newest = gate = long_ago;
        factor = {};
        tuned = {};
    }
};

}  // namespace weir::testing::detail
