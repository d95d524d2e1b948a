// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key_notes.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace weir {

/// What the tuner keeps of a key. It is in the store, so that all processes that share the key share it.
struct tuner_state {
    multiplier factor{};           ///< on the key's rates
    instant window = long_ago;     ///< when the present observation began; `long_ago` = there was none yet
    instant bound = long_ago;      ///< until when the limit was seen to delay a request
    instant cut = long_ago;        ///< the last cut: refusals of requests sent before it are ignored
    instant recovered = long_ago;  ///< when `factor` is at its maximum again if nothing more is recorded
    std::int64_t answers = 0;      ///< in the present observation, including refusals
    std::int64_t refusals = 0;     ///< in the present observation
    std::int64_t excess = 0;       ///< refusals beyond the share that is allowed, in millionths
    std::int64_t border = 0;       ///< the smallest factor that may be too large, in millionths; 0 = none is known
    std::int64_t waits = 0;        ///< observations to wait before the factor may reach `border` again
    std::int64_t failures = 0;     ///< how many times in a row it was cut at the border

    /// What the answers said, for processes that share the key; null = nothing that matters. A step that changes it
    /// sets a new object.
    std::shared_ptr<const key_notes> notes{};

    friend bool operator==(const tuner_state&, const tuner_state&) = default;
};

/// What a process saw of a key since its last report to the store.
struct observation {
    std::int64_t answers = 0;   ///< including refusals
    std::int64_t refusals = 0;  ///< refusals among them
    std::int64_t stated = 0;    ///< refusals that stated a time or a limit
    instant sent = long_ago;    ///< when the last refused request was admitted
    instant bound = long_ago;   ///< until when the limit delayed a request
};

/// The function that turns a key's tuner state into the next one: a view of a callable, valid for one call.
class tuner_step {
public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, tuner_step> &&
                 std::is_invocable_r_v<tuner_state, F&, const tuner_state&>)
    // NOLINTNEXTLINE: a view, made from a callable
    tuner_step(F&& f) noexcept
        : function_(const_cast<void*>(static_cast<const void*>(&f))),
          call_([](void* held, const tuner_state& before) -> tuner_state {
              return (*static_cast<std::remove_reference_t<F>*>(held))(before);
          }) {}

    [[nodiscard]] tuner_state operator()(const tuner_state& before) const { return call_(function_, before); }

private:
    void* function_;
    tuner_state (*call_)(void*, const tuner_state&);
};

}  // namespace weir
