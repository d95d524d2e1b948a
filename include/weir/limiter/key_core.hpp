// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/key_tuner.hpp"
#include "weir/limiter/detail/limit_notes.hpp"
#include "weir/limiter/detail/published_denial.hpp"
#include "weir/limiter/detail/refusal_pause.hpp"
#include "weir/limiter/detail/spin_lock.hpp"
#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"
#include "weir/limiter/waiting_room.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/key_notes.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace weir {

/// One step on one key: what its parts need while the key is locked, and what must be done after it is unlocked.
template <class Store>
struct key_step {
    Store& store;
    inflight_ceiling& ceiling;
    instant now;
    completions done{};
    /// How the step has changed the state for waiters. They are served once, at the end of the step.
    enum class change : std::uint8_t { none, better, worse } changed = change::none;
    bool has_freed = false;  ///< an in-flight slot was freed: a key may wait for it

    void note(change c) noexcept { changed = std::max(changed, c); }
};

/// What every key has, wherever its log is: its lock, its references, its rules and its queue.
///
/// **Thread safety.** All members but the constructor and `denial.read` need `lock` to be held.
struct key_core {
    explicit key_core(std::shared_ptr<const key_rules> r, void* key_owner = nullptr)
        : owner(key_owner), rules(std::move(r)) {}
    key_core(const key_core&) = delete;
    key_core& operator=(const key_core&) = delete;

    // The members that each decision reads come last. After them the registry puts what a search reads, and the log.
    /// How long the key pauses after refusals, and whether it is half-open. Changed by `change_pause`.
    detail::refusal_pause pause;
    /// What was recorded for the tuner; null until there is an answer to record.
    std::unique_ptr<detail::key_tuner> tuner;
    /// The longest time from admission to answer that was seen, in ns.
    duration longest_latency{};
    /// What the server reported of limits; null until it reports one. Changed by `adopt`.
    std::unique_ptr<detail::limit_list> reported;
    /// When the first of them is forgotten.
    instant reported_due = far_future;
    /// The kind of things that the last answer with any said about limits: only another one is an event.
    std::uint32_t last_kind = 0;
    /// Until when this process has the right to send the probe and has not used it. Only with a shared store.
    instant probe_until = long_ago;
    /// The object that the key belongs to. The lists return it.
    void* owner;
    /// The last denial of a request of one unit, if only time can end it; readable without the lock.
    detail::published_denial denial;
    detail::spin_lock lock;
    /// If true, nothing is admitted until `resume`.
    bool is_paused = false;
    /// Whether only a probe may be admitted: `pause` says when. With a shared store it is also set while this process
    /// does not know; then the store says.
    bool is_half_open = false;
    /// Whether the last try of the first waiter lacked only an in-flight slot. Then the key is in the ceiling's line.
    bool lacks_slot = false;
    /// The number of objects that can reach this key: permits, handles, tickets, active calls, the ceiling's line, the
    /// wake list. A key without references may be forgotten.
    std::uint32_t references = 0;
    std::shared_ptr<const key_rules> rules;
    /// Made when the first request waits.
    std::unique_ptr<waiting_room> room;

    [[nodiscard]] const window_plan& plan() const noexcept { return rules->plan; }

    /// Changes `pause` by `change(pause)`, and returns its result.
    template <class F>
    auto change_pause(F&& change) noexcept {
        struct update {
            key_core& key;
            ~update() { key.is_half_open = key.pause.is_half_open(); }
        } const at_end{*this};
        return change(pause);
    }

    /// Keeps what the server reported of limits. Returns the rules that follow from it under `factor`; null if they are
    /// the present ones. **Exception safety.** Strong.
    [[nodiscard]] std::shared_ptr<const key_rules> adopt(const detail::limit_list& notes, multiplier factor) {
        server_rates limits = detail::lower_than(rules->policy, notes);
        const bool is_empty = limits == server_rates{};
        std::shared_ptr<const key_rules> fresh;
        if (rules->reported != nullptr ? limits != *rules->reported : !is_empty)
            fresh = key_rules::make(rules->policy, factor,
                                    is_empty ? nullptr : std::make_shared<const server_rates>(std::move(limits)));
        if (reported == nullptr)
            reported = std::make_unique<detail::limit_list>(notes);
        else
            *reported = notes;
        reported_due = far_future;
        for (const limit_note& n : notes)
            if (n.of != 0)
                reported_due = std::min(reported_due, n.until);
        return fresh;
    }

    // ---- waiters

    /// Whether no request waits.
    [[nodiscard, gnu::always_inline]] bool queue_empty() const noexcept {
        return room == nullptr || room->queue.empty();
    }
    [[nodiscard]] std::size_t waiting() const noexcept { return room == nullptr ? 0 : room->queue.size(); }
    [[nodiscard]] bool has_polled() const noexcept { return room != nullptr && room->queue.has_polled(); }
    /// **Preconditions.** A request has waited for the key: see `make_room`.
    [[nodiscard]] wait_queue& queue() const noexcept { return room->queue; }
    void make_room() {
        if (room == nullptr)
            room = std::make_unique<waiting_room>(owner);
    }
    /// The state has changed, so assessments in the queue are out of date.
    void mark_stale() noexcept {
        if (room != nullptr)
            room->queue.mark_stale();
    }
    /// Takes the key out of the ceiling's line.
    void leave_line(inflight_ceiling& ceiling) noexcept {
        if (room != nullptr && ceiling.withdraw(room->in_line))
            --references;
    }
    /// Takes an in-flight slot for the head of the queue, in turn with other keys. If there is none, the key enters the
    /// line.
    [[nodiscard]] bool take_in_turn(inflight_ceiling& ceiling) noexcept {
        const auto turn = ceiling.take_in_turn(room->in_line);
        references += static_cast<std::uint32_t>(turn.references);
        return turn.is_taken;
    }

    /// Whether a request that is denied with `f` is refused at once, because it cannot be served by its deadline or
    /// the queue is full.
    [[nodiscard]] bool refuses_to_queue(const waiter& w, const assessment& f, instant now) const noexcept {
        return is_final(f) || w.deadline <= now || f.at > w.deadline || is_full();
    }
    /// Ends the wait of a queued waiter with `f`.
    template <class Step>
    void complete(Step& s, waiter& w, const assessment& f) noexcept {
        queue().complete(w, to_decision(f), s.now, s.done);
    }
    /// Ends the wait of a queued waiter that was cancelled.
    template <class Step>
    void complete_cancelled(Step& s, waiter& w) noexcept {
        queue().complete(w, cancelled(s.now), s.now, s.done);
    }
    [[nodiscard]] static decision cancelled(instant now) noexcept {
        return {outcome::cancelled, cause::none, now, {}, {}};
    }
    /// Assesses every waiter behind the head anew. `assess_behind(waiter, ahead)` returns its assessment, and
    /// `is_too_late(waiter, assessment)` returns whether it is refused for that.
    template <class Step, class AssessBehind, class IsTooLate>
    void assess_all(Step& s, AssessBehind&& assess_behind, IsTooLate&& is_too_late) noexcept {
        queue().assess_all(s.now, s.done, assess_behind, is_too_late,
                           [this](const assessment& f) { return to_decision(f); });
    }

    // ---- answers

    /// Turns an assessment into the decision for a caller. An assessment without a cause leaves `out` unchanged:
    /// granted.
    [[gnu::always_inline]] void to_decision(const assessment& f, decision& out) const {
        if (f.cause == cause::none) [[likely]]
            return;
        out.outcome = f.passed ? outcome::granted : f.cause == cause::never ? outcome::never : outcome::denied;
        out.cause = f.cause;
        out.retry_at = f.at;
        // The index belongs to the rules of the decision. A shared store's answer may arrive after a reload.
        if ((f.cause == cause::window || f.cause == cause::never) && f.window < plan().shown.size())
            out.limit = plan().shown[f.window];
    }
    [[nodiscard]] decision to_decision(const assessment& f) const {
        decision out;
        to_decision(f, out);
        return out;
    }

    /// The assessment for a paused key: only `resume` makes room.
    [[nodiscard]] static assessment paused(instant now) noexcept { return {now, cause::gate, 0}; }
    /// The assessment while a probe is not answered. It is served with the answer, at best after the longest latency
    /// that was seen.
    [[nodiscard]] assessment probing(instant now) const noexcept {
        const duration latency = std::clamp<duration>(longest_latency, min_probing, max_probing);
        const instant sent = pause.next_probe() - detail::refusal_pause::probe_limit;
        // The longer its answer takes, the less often it is looked for.
        const instant again = saturating_add(now, std::clamp<duration>(now - sent, min_probing, max_probing));
        const instant expected = saturating_add(sent, latency);
        assessment out{std::min(expected > now ? expected : again, pause.next_probe()), cause::gate, 0};
        out.moves = true;
        return out;
    }
    /// Whether a request that nothing else stops waits for the answer to a probe.
    [[nodiscard]] bool waits_for_probe(instant now) const noexcept {
        return is_half_open && pause.blocks(now) && plan().enforce;
    }
    [[nodiscard]] bool has_probe(instant now) const noexcept { return probe_until > now; }
    /// `f` is the assessment of a request that was tried while no probe was out: if it is admitted, it is the probe.
    void note_probe(const assessment& f, instant now) noexcept {
        if (is_half_open && f.admits() && plan().enforce)
            pause.send_probe(now);
    }
    /// First come, first served: the assessment of a request that comes after one with the assessment `ahead`, where
    /// `f` is its own.
    [[nodiscard]] static assessment behind(const assessment& ahead, const assessment& f) noexcept {
        if (ahead.at <= f.at && !f.admits())
            return f;
        return {std::max(ahead.at, f.at), f.beyond_max_hold ? cause::gate : ahead.cause, ahead.window,
                f.beyond_max_hold};
    }
    /// Whether waiting does not help, or is not allowed.
    [[nodiscard]] static bool is_final(const assessment& f) noexcept {
        return f.cause == cause::never || f.beyond_max_hold;
    }
    /// Whether what stands in the way ends by time alone.
    [[nodiscard]] static bool is_timed(const assessment& f) noexcept {
        return f.cause == cause::window || f.cause == cause::gate || f.cause == cause::store;
    }
    /// Marks a denial by a gate that is farther away than `max_hold`.
    [[nodiscard]] assessment mark_held(assessment f, instant now) const noexcept {
        f.beyond_max_hold =
            f.cause == cause::gate && !f.passed && !is_paused && f.at > saturating_add(now, plan().max_hold);
        return f;
    }
    /// When time alone lets the head try again after `f`; `far_future` if only a change can.
    [[nodiscard]] instant due_of(const assessment& f) const noexcept {
        if (f.cause == cause::gate && f.moves && !is_paused)
            return std::max(f.at, pause.next_probe());  // the answer to a probe serves the queue
        return is_timed(f) && !is_paused ? f.at : far_future;
    }
    [[nodiscard]] bool is_full() const noexcept {
        const std::int64_t max = rules->policy.max_waiting;
        return max > 0 && waiting() >= static_cast<std::size_t>(max);
    }

    /// Publishes a denial that holds until its time or until a change, but not beyond `until`. **Preconditions.** No
    /// request waits.
    void publish(const assessment& f, std::int64_t cost, instant until = far_future) noexcept {
        note_bound(f);
        // A denial because of an open entry is not published: its time moves on until the answer.
        if (cost == 1 && !f.moves && !f.beyond_max_hold && (f.cause == cause::gate || f.cause == cause::window))
            denial.publish(to_decision(f), std::min(f.at, until));
    }
    /// Records for the tuner until when a window delays requests.
    void note_bound(const assessment& f) noexcept {
        if (f.cause == cause::window && tuner != nullptr) [[unlikely]]
            tuner->hold_back(f.at);
    }

    // ---- references

    [[nodiscard]] bool is_remembered(instant now) const noexcept {
        const bool has_limits = reported != nullptr && std::ranges::any_of(*reported, [now](const limit_note& n) {
                                    return n.of != 0 && n.until > now;
                                });
        return is_paused || has_limits || pause.is_remembered(now);
    }

    // ---- waking

    /// When time alone may change the factor for requests that wait.
    [[nodiscard]] instant next_tune() const noexcept { return tuner == nullptr ? far_future : tuner->retune(); }
    /// The latest time to serve the queue; `far_future` if only a change can make progress.
    [[nodiscard]] instant next_due() noexcept {
        return queue_empty() ? far_future
                             : std::min({room->queue.front_due(), room->queue.first_deadline(), next_tune()});
    }
    /// When the thread of `w` must look again. The head looks when its time comes, and so does a waiter that
    /// `passes_head`. The others look at their deadline.
    [[nodiscard]] instant wake_of(const waiter& w, bool passes_head) const noexcept {
        return passes_head || queue().is_front(w) ? std::min({queue().front_due(), w.deadline, next_tune()})
                                                  : w.deadline;
    }

private:
    static constexpr duration min_probing = std::chrono::milliseconds{1};
    static constexpr duration max_probing = std::chrono::seconds{1};
};

}  // namespace weir
