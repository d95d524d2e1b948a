// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/holder_watch.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a denial does about holders that died: *reaping*. It stamps the open entries of a dead holder on one key with
// the last moment at which the holder may have lived, and gives its in-flight slots back.

namespace weir::remote {

/// The entries of one holder on one key.
struct held_entries {
    std::uint64_t holder = 0;
    std::int64_t entries = 0;  ///< requests that have not ended
    std::int64_t open = 0;     ///< units without an answer
};
/// What the store did: the entries that it ended, and those that are left.
struct reap_reply {
    std::vector<held_entries> freed;
    std::vector<held_entries> left;
};
/// Reads triples of `number(index)`: `freed` of them are of the first kind.
template <class Number>
[[nodiscard]] reap_reply reap_reply_of(std::size_t freed, std::size_t all, Number&& number) {
    reap_reply out;
    for (std::size_t i = 0; i < all; ++i)
        (i < freed ? out.freed : out.left)
            .push_back({static_cast<std::uint64_t>(number(3 * i)), static_cast<std::int64_t>(number(3 * i + 1)),
                        static_cast<std::int64_t>(number(3 * i + 2))});
    return out;
}

/// What a slot remembers of the last reaping of its key.
struct reap_memory {
    instant next = long_ago;
    std::uint64_t signature = 0;
    /// When the first of the silent holders that fill the key counts as dead, by the store's clock; 0 = another holder
    /// may end sooner.
    std::int64_t window_opens = 0;
    std::int64_t slot_opens = 0;
};

/// Whether entries of other processes, which may be dead, can be the reason of the denial `f`. An open entry fills a
/// window for a whole period from now.
[[nodiscard]] inline bool may_be_held(const assessment& f, const window_plan& plan, instant now) noexcept {
    if (f.admits() || f.cause == cause::concurrency)
        return !f.admits();
    if (f.cause != cause::window || f.window >= plan.windows.size())
        return false;
    const duration period = plan.windows[f.window].period;
    return f.at - now >= period - std::max<duration>(period / 32, std::chrono::milliseconds{1});
}

/// The first of the times at which `silent` holders count as dead, if all of `left` that have a `count` are silent.
template <class Count>
[[nodiscard]] std::int64_t first_to_die(const std::vector<held_entries>& left, const std::vector<silent_holder>& silent,
                                        Count count) {
    std::int64_t first = 0;
    for (const held_entries& h : left) {
        if (h.*count <= 0)
            continue;
        const auto s = std::ranges::find(silent, h.holder, &silent_holder::id);
        if (s == silent.end())
            return 0;
        first = first == 0 ? s->at : std::min(first, s->at);
    }
    return first;
}

[[nodiscard]] inline store_notice death_notice(std::string_view store, const holder_record& who,
                                               const held_entries& freed) {
    return {store_notice::kind::holder_died,
            fmt::format("{}: process {} on {} has died; its {} entries with {} unanswered units were ended", store,
                        who.pid, who.host, freed.entries, freed.open),
            {who.id, who.host, who.pid, freed.entries}};
}

/// Frees what dead holders have on a key that was denied with `f`, and decides again if that was anything. If silent
/// holders fill the key, the returned assessment says when the first of them counts as dead.
///
/// `list()` returns the store's time and all holders; `reap(dead)` is a `reap_reply`; `again()` decides again. A
/// failure of the store changes nothing.
template <class List, class Reap, class Again>
[[nodiscard]] assessment decide_without_dead(const own_presence& me, holder_watch& watch, reap_memory& key,
                                             notice_board& notices, std::string_view store, const window_plan& plan,
                                             assessment f, instant now, List&& list, Reap&& reap, Again&& again) {
    if (me.is_off)
        return f;
    try {
        if (watch.wants_list(now)) {
            auto said = list();
            watch.learn(std::move(said.holders), said.now, now);
        }
        const holder_watch::view seen = watch.look(me, now);
        if (seen.dead.empty() && seen.silent.empty())
            return f;
        if (key.signature != seen.signature || now >= key.next) {
            // A message of a dead process may still arrive, so the same holders are reaped again.
            key.next = saturating_add(now, me.ttl / 2);
            key.signature = seen.signature;
            const reap_reply said = reap(std::span<const dead_holder>{seen.dead});
            key.window_opens = first_to_die(said.left, seen.silent, &held_entries::open);
            key.slot_opens = first_to_die(said.left, seen.silent, &held_entries::entries);
            for (const held_entries& h : said.freed) {
                const auto who = std::ranges::find(seen.dead, h.holder, [](const dead_holder& d) { return d.who.id; });
                if (who != seen.dead.end())
                    notices.put(death_notice(store, who->who, h));
            }
            if (!said.freed.empty())
                f = again();
        }
        const bool is_window = f.cause == cause::window;
        const std::int64_t opens = is_window ? key.window_opens : key.slot_opens;
        if (!f.admits() && opens > seen.now && may_be_held(f, plan, now)) {
            const instant dies = saturating_add(now, std::chrono::microseconds{opens - seen.now});
            f.at = std::max(f.at, is_window ? saturating_add(dies, plan.windows[f.window].period) : dies);
        }
    } catch (const store_error&) {
        // The denial stands.
    }
    return f;
}

}  // namespace weir::remote
