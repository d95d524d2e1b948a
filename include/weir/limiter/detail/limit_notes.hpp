// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/key_notes.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::detail {

using limit_list = std::array<limit_note, max_limit_notes>;

/// How long a limit with a shorter window is kept after it was last reported, and one that states no time: a client
/// that pauses for a minute need not learn the server's limit by a refusal.
inline constexpr duration min_limit_life = std::chrono::minutes{10};

[[nodiscard]] inline duration window_of(const reported_limit& l) noexcept {
    return l.unit == limit_unit::concurrent_requests ? duration::zero() : l.window.value_or(duration::zero());
}
/// How long a limit is kept after it was reported: as long as its window, or else until its reset.
[[nodiscard]] inline duration life_of(const reported_limit& l) noexcept {
    const duration life = window_of(l) > duration::zero() ? window_of(l) : l.reset.value_or(min_limit_life);
    return std::max(life, min_limit_life);
}

/// A number for the names, the unit and the window of a limit. It is never 0. A collision makes two limits one, which
/// the next answer corrects.
[[nodiscard]] inline std::uint64_t hash_of(const reported_limit& l) noexcept {
    std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a
    const auto mix = [&hash](std::uint64_t byte) { hash = (hash ^ byte) * 1'099'511'628'211U; };
    for (const char c : l.of)
        mix(static_cast<unsigned char>(c));
    mix(256 + static_cast<std::uint64_t>(l.unit));
    auto window = static_cast<std::uint64_t>(window_of(l).count());
    for (; window != 0; window >>= 8)
        mix(window & 255U);
    return hash == 0 ? 1 : hash;
}

[[nodiscard]] inline limit_note* find_note(limit_list& notes, std::uint64_t of) noexcept {
    const auto it = std::ranges::find(notes, of, &limit_note::of);
    return it == notes.end() ? nullptr : &*it;
}

/// Whether the key's answers report other limits than this one too. Then it is not known which of them the next request
/// concerns.
[[nodiscard]] inline bool is_mixed(const limit_list& notes, std::span<const reported_limit> limits,
                                   instant now) noexcept {
    return std::ranges::any_of(notes, [&](const limit_note& n) {
        return n.of != 0 && n.until > now &&
               std::ranges::none_of(limits, [&](const reported_limit& l) { return hash_of(l) == n.of; });
    });
}

/// The next empty note. If there is none: of the notes that are not in force, the first that ends; null if all are.
[[nodiscard]] inline limit_note* note_for_new(limit_list& notes) noexcept {
    limit_note* out = nullptr;
    for (limit_note& n : notes) {
        if (n.of == 0)
            return &n;
        if (n.in_force == 0 && (out == nullptr || n.until < out->until))
            out = &n;
    }
    return out;
}

/// Notes the limits of one answer. Limits whose time is over are forgotten.
///
/// `may_bind` says whether the answer is a success or a refusal: only then its limits are in force, and those that it
/// does not report are not, because they concern other requests. A limit that is new, that has changed, or that was not
/// in force counts from `now` on.
inline void note_limits(limit_list& notes, std::span<const reported_limit> limits, bool may_bind,
                        instant now) noexcept {
    const auto empty = std::ranges::remove_if(notes, [now](const limit_note& n) { return n.until <= now; });
    std::ranges::fill(empty, limit_note{});
    if (limits.empty())
        return;
    if (may_bind)
        for (limit_note& n : notes)
            if (std::ranges::none_of(limits, [&](const reported_limit& l) { return hash_of(l) == n.of; }))
                n.in_force = 0;
    for (const reported_limit& l : limits) {
        const std::uint64_t of = hash_of(l);
        limit_note* n = find_note(notes, of);
        if (n == nullptr && (n = note_for_new(notes)) == nullptr)
            continue;
        if (n->of != of)
            *n = {.of = of, .window = window_of(l)};
        n->until = std::max(n->until, saturating_add(now, life_of(l)));
        n->max_left = std::max(n->max_left, l.remaining.value_or(0));
        if (!may_bind)
            continue;
        const bool has_limit =
            l.limit && *l.limit >= 1 &&
            (l.unit == limit_unit::concurrent_requests || (l.unit == limit_unit::requests && l.window));
        const std::int64_t limit = has_limit ? *l.limit : 0;
        if (n->limit != limit || n->in_force == 0)
            n->since = now;
        n->limit = limit;
        n->in_force = 1;
    }
}

/// Whether `after` says so much more than `before` that other processes must know.
[[nodiscard]] inline bool is_news(const limit_list& before, const limit_list& after, instant now) noexcept {
    for (std::size_t i = 0; i < before.size(); ++i) {
        const limit_note &a = before[i], &b = after[i];
        if (a.of != b.of || a.limit != b.limit || a.since != b.since || a.in_force != b.in_force ||
            b.max_left / 2 > a.max_left || (b.of != 0 && a.until - now < (b.until - now) / 2))
            return true;
    }
    return false;
}

/// Whether the policy's own rates never admit more than `limit` in `period`.
[[nodiscard]] inline bool implied_by(const policy& p, std::int64_t limit, duration period) noexcept {
    return std::ranges::any_of(p.rates, [&](const rate& r) {
        const std::int64_t times = (period.count() - 1) / r.period.count() + 1;
        return r.limit <= limit / times;
    });
}

/// The limits in force, where they are below those of `p`. A server can never allow more than the policy. The notes may
/// come from a store, so their numbers are checked.
[[nodiscard]] inline server_rates lower_than(const policy& p, const limit_list& notes) {
    server_rates out;
    for (const limit_note& n : notes) {
        if (n.of == 0 || n.in_force == 0 || n.limit < 1)
            continue;
        if (n.window <= duration::zero()) {
            if ((p.max_concurrent == 0 || n.limit < p.max_concurrent) &&
                (out.max_concurrent == 0 || n.limit < out.max_concurrent))
                out.max_concurrent = n.limit;
        } else if (const rate r{n.limit, std::clamp(n.window, rate::shortest, rate::longest)};
                   r.limit <= rate::max && !implied_by(p, r.limit, r.period)) {
            out.rates.push_back(r);
            out.since.push_back(n.since);
        }
    }
    return out;
}

}  // namespace weir::detail
