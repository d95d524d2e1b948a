// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/detail/published_denial.hpp"
#include "weir/limiter/detail/refusal_pause.hpp"
#include "weir/limiter/detail/spin_lock.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/waiting_room.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace weir {

/// One step on one key: what its parts need while the key is locked, and what is to be done after it is unlocked.
template <class Store>
struct key_step {
    Store& store;
    inflight_ceiling& ceiling;
    instant now;
    completions done{};
    /// What the step has changed for those that wait. They are served once, at its end.
    enum class change : std::uint8_t { none, better, worse } changed = change::none;
    bool has_freed = false;  ///< an in-flight slot came free: a key may wait for it

    void note(change c) noexcept { changed = std::max(changed, c); }
};

/// What every key has, wherever its log is: its lock, its references, its rules and its queue.
///
/// **Thread safety.** Everything but construction and `denial.read` needs `lock` to be held.
struct key_core {
    explicit key_core(std::shared_ptr<const key_rules> r, void* key_owner = nullptr)
        : owner(key_owner), rules(std::move(r)) {}
    key_core(const key_core&) = delete;
    key_core& operator=(const key_core&) = delete;

    // What each decision reads comes last: behind it the registry has what a search reads, and the log.
    /// Which pauses refusals without a stated time mean.
    detail::refusal_pause pause;
    /// What was seen for the tuner; null until there is an answer to learn from.
    std::unique_ptr<detail::key_tuner> tuner;
    /// The longest time from admission to answer that was seen, in ns.
    duration longest_latency{};
    /// Until when what the server reported of its limits is kept.
    instant reported_until = long_ago;
    /// Whatever the key belongs to: lists give it back.
    void* owner;
    /// The last denial while only time can end it, for a request of one unit; readable without the lock.
    detail::published_denial denial;
    detail::spin_lock lock;
    /// Nothing is admitted until `resume`.
    bool is_paused = false;
    /// Whether the last try of the first waiter lacked only an in-flight slot, for which it stands in line.
    bool lacks_slot = false;
    /// Everything that can reach this key: permits, handles, tickets, calls under way, the ceiling's line, the wake
    /// list. A key without references may be forgotten.
    std::uint32_t references = 0;
    std::shared_ptr<const key_rules> rules;
    /// Made when the first request waits.
    std::unique_ptr<waiting_room> room;

    [[nodiscard]] const window_plan& plan() const noexcept { return rules->plan; }

    // ---- waiters

    /// Whether no request waits.
    [[nodiscard, gnu::always_inline]] bool is_quiet() const noexcept { return room == nullptr || room->queue.empty(); }
    [[nodiscard]] std::size_t waiting() const noexcept { return room == nullptr ? 0 : room->queue.size(); }
    [[nodiscard]] bool has_polled() const noexcept { return room != nullptr && room->queue.has_polled(); }
    /// **Preconditions.** A request has waited for the key: see `make_room`.
    [[nodiscard]] wait_queue& queue() const noexcept { return room->queue; }
    void make_room() {
        if (room == nullptr)
            room = std::make_unique<waiting_room>(owner);
    }
    /// Something changed that makes forecasts older than the truth.
    void mark_stale() noexcept {
        if (room != nullptr)
            room->queue.mark_stale();
    }
    /// Takes the key out of the ceiling's line.
    void leave_line(inflight_ceiling& ceiling) noexcept {
        if (room != nullptr && ceiling.withdraw(room->in_line))
            --references;
    }

    // ---- answers

    /// Writes a forecast as the answer a caller gets; one without a cause leaves `out` as it is made: granted.
    [[gnu::always_inline]] void to_decision(const assessment& f, decision& out) const {
        if (f.cause == cause::none) [[likely]]
            return;
        out.outcome = f.passed ? outcome::granted : f.cause == cause::never ? outcome::never : outcome::denied;
        out.cause = f.cause;
        out.retry_at = f.at;
        // The index belongs to the rules of the decision; a shared store's answer may come after a reload.
        if ((f.cause == cause::window || f.cause == cause::never) && f.window < plan().shown.size())
            out.limit = plan().shown[f.window];
    }
    [[nodiscard]] decision to_decision(const assessment& f) const {
        decision out;
        to_decision(f, out);
        return out;
    }

    /// The answer of a paused key: only `resume` makes room.
    [[nodiscard]] static assessment paused(instant now) noexcept { return {now, cause::gate, 0}; }
    /// Whether no waiting helps against `f`, or none is to be done.
    [[nodiscard]] static bool is_final(const assessment& f) noexcept {
        return f.cause == cause::never || f.beyond_max_hold;
    }
    /// Whether time alone ends what stands in the way.
    [[nodiscard]] static bool is_timed(const assessment& f) noexcept {
        return f.cause == cause::window || f.cause == cause::gate || f.cause == cause::store;
    }
    [[nodiscard]] bool is_full() const noexcept {
        const std::int64_t max = rules->policy.max_waiting;
        return max > 0 && waiting() >= static_cast<std::size_t>(max);
    }

    /// Publishes a denial that stands until its time or until something changes. **Preconditions.** No request waits.
    void publish(const assessment& f, std::int64_t cost) noexcept {
        note_bound(f);
        // One that an open entry makes is not published: it moves on as long as there is no answer.
        if (cost == 1 && !f.moves && !f.beyond_max_hold && (f.cause == cause::gate || f.cause == cause::window))
            denial.publish(to_decision(f));
    }
    /// Tells the tuner until when a window holds requests back.
    void note_bound(const assessment& f) noexcept {
        if (f.cause == cause::window && tuner != nullptr) [[unlikely]]
            tuner->hold_back(f.at);
    }

    // ---- references

    [[nodiscard]] bool is_remembered(instant now) const noexcept {
        return is_paused || reported_until > now || pause.is_remembered(now);
    }

    // ---- waking

    /// When time alone may change the factor for those that wait.
    [[nodiscard]] instant next_tune() const noexcept { return tuner == nullptr ? far_future : tuner->retune(); }
    /// When the queue has to be served at the latest; `far_future` when only a change can move it.
    [[nodiscard]] instant next_due() noexcept {
        return is_quiet() ? far_future : std::min({room->queue.front_due(), room->queue.first_deadline(), next_tune()});
    }
};

}  // namespace weir
