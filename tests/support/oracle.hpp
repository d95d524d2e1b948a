// SPDX-License-Identifier: MIT
#pragma once

// What a key must do, in the plainest words: every entry is kept, nothing is indexed, rounded or forgotten. It shares
// no code with the library but the value types.

#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace weir_test {

struct naive_window {
    std::int64_t limit;
    weir::duration period;
};

/// N per T under m: no more than ⌈N·m⌉ in T·⌈N·m⌉/(N·m), whole nanoseconds rounded up. For numbers whose products fit
/// 64 bits.
inline naive_window naive_scale(std::int64_t n, weir::duration t, std::int64_t millionths) {
    const std::int64_t scaled = (n * millionths + 999'999) / 1'000'000;
    return {scaled, weir::duration{(t.count() * scaled * 1'000'000 + n * millionths - 1) / (n * millionths)}};
}

struct naive_key {
    struct item {
        int id;
        std::int64_t cost;
        weir::instant stamp;
        weir::instant end = weir::far_future;  ///< of one that is abandoned: until when it may arrive
    };
    struct answer {
        weir::instant at;
        weir::cause cause;
    };

    weir::policy rules{};
    std::int64_t millionths = 1'000'000;
    weir::instant gate = weir::long_ago;
    std::int64_t in_flight = 0;
    std::vector<item> open{};
    std::vector<item> stamped{};  // oldest first
    weir::instant newest = weir::long_ago;
    weir::duration longest_latency{};

    std::vector<naive_window> windows() const {
        std::vector<naive_window> out;
        const weir::rate* densest = nullptr;
        for (const weir::rate& r : rules.rates) {
            out.push_back(naive_scale(r.limit, r.period, millionths));
            if (!densest || r.period.count() * densest->limit < densest->period.count() * r.limit)
                densest = &r;
        }
        if (densest && rules.burst > 0 && rules.burst < densest->limit) {
            const weir::duration t{(rules.burst * densest->period.count() + densest->limit - 1) / densest->limit};
            out.push_back(naive_scale(rules.burst, t, millionths));
        }
        for (auto& w : out)
            w.period += rules.margin;
        return out;
    }
    /// Whether the policy writes a rate that can never hold so much.
    bool is_too_much(std::int64_t cost) const {
        return std::any_of(rules.rates.begin(), rules.rates.end(),
                           [cost](const weir::rate& r) { return cost > r.limit; });
    }
    std::int64_t open_units() const {
        std::int64_t sum = 0;
        for (const item& i : open)
            sum += i.cost;
        return sum;
    }
    /// Open entries and stamps in (now − T, now].
    std::int64_t used(const naive_window& w, weir::instant now) const {
        std::int64_t sum = open_units();
        for (const item& i : stamped)
            if (i.stamp > now - w.period)
                sum += i.cost;
        return sum;
    }
    /// When `cost` units fit at the earliest, if the open entries are answered at `open_at` and `ahead` (in order) are
    /// admitted when they say: going back from the newest, the entry with which the window would overflow must be T
    /// old.
    answer fits(std::int64_t cost, weir::instant now, weir::instant open_at, const std::vector<item>& ahead) const {
        answer best{now, weir::cause::none};
        if (is_too_much(cost))
            return {weir::far_future, weir::cause::never};
        for (const naive_window& w : windows()) {
            // More than a window holds goes into an empty one.
            std::int64_t room = std::max<std::int64_t>(w.limit - cost, 0);
            weir::instant blocker = weir::long_ago;
            const auto take = [&](std::int64_t units, weir::instant at) {
                room -= units;
                if (room < 0 && blocker == weir::long_ago)
                    blocker = at;
            };
            for (auto i = ahead.rbegin(); i != ahead.rend(); ++i)
                take(i->cost, i->stamp);
            if (!open.empty())
                take(open_units(), open_at);
            for (auto i = stamped.rbegin(); i != stamped.rend(); ++i)
                take(i->cost, i->stamp);
            if (blocker + w.period > best.at)
                best = {blocker + w.period, weir::cause::window};
        }
        return best;
    }
    /// The whole rule for one who stands behind `ahead`; cost 0 is not counted and minds the gate alone.
    answer look(std::int64_t cost, weir::instant now, weir::instant open_at,
                const std::vector<item>& ahead = {}) const {
        answer a{now, weir::cause::none};
        if (cost > 0) {
            a = fits(cost, now, open_at, ahead);
            if (a.cause == weir::cause::never)
                return a;
            for (const item& i : ahead)
                a.at = std::max(a.at, i.stamp);
            if (a.cause == weir::cause::none && rules.max_concurrent > 0 && in_flight >= rules.max_concurrent)
                a.cause = weir::cause::concurrency;
        }
        if (gate > a.at)
            a = {gate, weir::cause::gate};
        return a;
    }

    void admit(int id, std::int64_t cost, weir::instant now, bool holds_place) {
        if (cost == 0)
            return;
        in_flight += holds_place;
        if (holds_place && rules.count_from == weir::counting::response)
            open.push_back({id, cost, now});
        else
            stamp({id, cost, now});
    }
    void answered(int id, weir::instant now) {
        const auto at = find(open, id);
        if (at == open.end())
            return;
        const std::int64_t cost = at->cost;
        open.erase(at);
        stamp({id, cost, now});
    }
    /// Its request ended without an answer at `now`, and may still arrive: it stays open until that is over.
    void abandoned(int id, weir::instant now) {
        const auto at = find(open, id);
        if (at == open.end())
            return;
        const weir::duration longest = std::max(longest_latency, now - at->stamp);
        at->end = now + rules.abandon_grace.value_or(std::min<weir::duration>(longest, std::chrono::minutes{1}));
    }
    /// Stamps the abandoned whose time is over by `now`, with the end of it; says whether there are any.
    bool expire(weir::instant now) {
        const bool any = next_end() <= now;
        for (auto first = first_end(); first != open.end() && first->end <= now; first = first_end()) {
            const item gone = *first;
            open.erase(first);
            stamp({gone.id, gone.cost, gone.end});
        }
        return any;
    }
    /// When the next abandoned entry is over.
    weir::instant next_end() const {
        weir::instant next = weir::far_future;
        for (const item& i : open)
            next = std::min(next, i.end);
        return next;
    }
    bool has_abandoned() const { return next_end() < weir::far_future; }
    void refunded(int id) {
        if (const auto at = find(open, id); at != open.end())
            open.erase(at);
        if (const auto at = find(stamped, id); at != stamped.end())
            stamped.erase(at);
    }

private:
    std::vector<item>::iterator first_end() {
        return std::min_element(open.begin(), open.end(), [](const item& a, const item& b) { return a.end < b.end; });
    }
    static std::vector<item>::iterator find(std::vector<item>& in, int id) {
        return std::find_if(in.begin(), in.end(), [id](const item& i) { return i.id == id; });
    }
    void stamp(item i) {
        newest = i.stamp = std::max(i.stamp, newest);
        stamped.push_back(i);
    }
};

}  // namespace weir_test
