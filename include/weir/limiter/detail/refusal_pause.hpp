// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include "weir/core/key_notes.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::detail {

/// How long a key sends nothing after an answer. A refusal means one second at least. The pause doubles each time the
/// next request is refused as well, up to a minute (or eight times the first pause). Any other answer ends it. A time
/// that the answer states makes the pause longer, never shorter: a server that says "now" and refuses again does not
/// know its time.
///
/// A refusal of a request that was sent before another refusal is counted once with it: a burst is refused once.
///
/// After the pause the key is half-open. One request is sent, the probe, and the others wait for its answer. If that is
/// no refusal, the key is open again. A probe that gets no answer is over after `probe_limit`, and then the next one is
/// sent.
///
/// **Thread safety.** Every member needs the key's lock.
class refusal_pause {
public:
    static constexpr duration first = std::chrono::seconds{1};
    static constexpr duration max = std::chrono::minutes{1};
    static constexpr duration probe_limit = std::chrono::seconds{10};
    /// How long a refusal is remembered, so that the pause goes on doubling for a crawler that comes back in that time.
    static constexpr duration kept = 10 * max;

    refusal_pause() = default;
    explicit refusal_pause(const refusal_notes& known) noexcept : notes_(known) {}

    /// Until when to send nothing after the answer to a request that was admitted at `admitted`; `long_ago` = no pause.
    /// The first pause after a refusal that states no time is `first_pause` long at least.
    [[nodiscard]] instant after(const feedback& said, bool is_refused, instant admitted, instant now,
                                duration first_pause = first) noexcept {
        const instant stated = said.retry_after ? saturating_add(now, *said.retry_after) : long_ago;
        if (!is_new(admitted))
            return stated;
        if (!is_refused) {
            if (said.status != 0)
                notes_.refusals = 0;
            open();
            return stated;
        }
        if (now >= saturating_add(notes_.since, kept))
            notes_.refusals = 0;
        const instant pause = saturating_add(now, length(notes_.refusals, said.retry_after ? first : first_pause));
        notes_.since = now;
        notes_.refusals = std::min(notes_.refusals, max_refusals) + 1;
        return std::max(pause, stated);
    }
    /// Whether the answer to a request that was admitted at `admitted` says more than the last refusal.
    [[nodiscard]] bool is_new(instant admitted) const noexcept { return admitted >= notes_.since; }
    /// Whether `after` would change anything that other processes must know.
    [[nodiscard]] bool is_changed_by(bool is_refused, instant admitted) const noexcept {
        return is_new(admitted) && (is_refused || is_half_open() || notes_.refusals > 0);
    }

    // ---- half-open

    [[nodiscard]] bool is_half_open() const noexcept { return notes_.probe != long_ago; }
    /// When the next probe may be sent.
    [[nodiscard]] instant next_probe() const noexcept { return notes_.probe; }
    /// Whether no probe may be sent at `now`, because another one is not answered.
    [[nodiscard]] bool blocks(instant now) const noexcept { return notes_.probe > now; }
    /// From now on only a probe may be sent, and none before `from`.
    void half_open(instant from) noexcept { notes_.probe = from; }
    void open() noexcept { notes_.probe = long_ago; }
    /// Another role of the host was refused, and this key pauses with it.
    void follow(instant now, instant from) noexcept {
        notes_.since = now;
        half_open(from);
    }
    /// A probe is sent.
    void send_probe(instant now) noexcept { notes_.probe = saturating_add(now, probe_limit); }
    /// The request that was admitted at `admitted` has ended without an answer. If it was the probe, another one may be
    /// sent.
    void lose_probe(instant admitted, instant now) noexcept {
        if (is_half_open() && is_new(admitted))
            half_open(now);
    }

    // ---- state

    [[nodiscard]] const refusal_notes& notes() const noexcept { return notes_; }
    /// Whether forgetting this state would change a later pause.
    [[nodiscard]] bool is_remembered(instant now) const noexcept {
        return (notes_.refusals > 0 || is_half_open()) && now < saturating_add(notes_.since, kept);
    }

private:
    static constexpr std::int64_t max_refusals = 1'000'000;

    [[nodiscard]] static constexpr duration length(std::int64_t refusals, duration first_pause) noexcept {
        const duration longest = std::max(max, 8 * std::min(first_pause, forever / 8));
        return std::min(std::min(first_pause, forever / 64) *
                            (std::int64_t{1} << std::clamp<std::int64_t>(refusals, 0, 6)),
                        longest);
    }

    refusal_notes notes_;
};

}  // namespace weir::detail
