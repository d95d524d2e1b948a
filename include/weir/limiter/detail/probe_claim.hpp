// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/refusal_pause.hpp"
#include "weir/limiter/key_core.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/key_notes.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

namespace weir::detail {

/// The right to send the probe of a half-open key in a shared store. Processes compete for it by replacing the notes
/// that the store keeps of the key, so one of them gets it.
///
/// A process that was denied by a gate, or that has not used the key before, does not know whether the key is
/// half-open. It asks in the same way once the store has admitted its request, and takes that back if another one has
/// the probe.
///
/// **Thread safety.** `make` runs with the key unlocked, the other members under its lock. **Lifetime.** One decision.
class probe_claim {
public:
    /// How often a process asks whether the probe of another one was answered.
    static constexpr duration ask_again = std::chrono::milliseconds{100};

    probe_claim(key_core& key, instant now) noexcept
        : key_(key), now_(now), pause_(key.pause),
          is_needed_(key.is_half_open && key.plan().enforce && !key.has_probe(now)),
          is_half_open_(key.pause.is_half_open()) {}
    probe_claim(const probe_claim&) = delete;
    probe_claim& operator=(const probe_claim&) = delete;

    /// Whether to ask before the request is decided, because the key is half-open.
    [[nodiscard]] bool comes_first() const noexcept { return is_needed_ && is_half_open_; }
    /// Whether to ask after the request was admitted, because the key may be half-open.
    [[nodiscard]] bool comes_last() const noexcept { return is_needed_ && !is_half_open_; }
    /// Asks the store by `learn(step)`. Returns false if another process has the probe.
    template <class Learn>
    [[nodiscard]] bool make(Learn&& learn) {
        bool is_denied = false;
        const auto step = [&](const tuner_state& before) {
            tuner_state after = before;
            pause_ = refusal_pause{before.notes != nullptr ? before.notes->refused : refusal_notes{}};
            is_denied = pause_.blocks(now_);
            is_mine_ = pause_.is_half_open() && !is_denied;
            if (is_mine_) {
                pause_.send_probe(now_);
                auto notes = std::make_shared<key_notes>(*before.notes);
                notes->refused = pause_.notes();
                after.notes = std::move(notes);
            }
            notes_ = after.notes;
            return after;
        };
        static_cast<void>(learn(tuner_step{step}));
        is_known_ = true;
        return !is_denied;
    }
    /// The store has nothing of the key, so nothing stands against it.
    void has_no_notes() noexcept {
        pause_ = {};
        is_known_ = true;
    }
    [[nodiscard]] assessment denial() const noexcept {
        return {std::min(pause_.next_probe(), saturating_add(now_, ask_again)), cause::gate, 0, false, false, true};
    }
    /// The decision is `f`. The key gets what the store said.
    void end(const assessment& f) noexcept {
        if (is_known_) {
            key_.change_pause([&](refusal_pause& p) { p = pause_; });
            if (is_mine_)
                key_.probe_until = pause_.next_probe();
        }
        if (f.admits())
            key_.probe_until = long_ago;
        else if (f.cause == cause::gate)
            key_.is_half_open = true;  // perhaps another process was refused meanwhile
    }

    /// What the store keeps of the key's answers; null = nothing, or it was not asked.
    [[nodiscard]] const std::shared_ptr<const key_notes>& notes() const noexcept { return notes_; }

private:
    key_core& key_;
    const instant now_;
    refusal_pause pause_;
    std::shared_ptr<const key_notes> notes_;
    const bool is_needed_;
    const bool is_half_open_;
    bool is_known_ = false;
    bool is_mine_ = false;
};

}  // namespace weir::detail
