// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/detail/local_fallback.hpp"
#include "weir/limiter/key_rules.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace weir::detail {

/// Decides on a key while its shared store fails, as `on_store_error` says.
///
/// **Thread safety.** All members need the key's lock.
class store_outage {
public:
    /// How long after a call that failed the store is called again. A call that took longer to fail pauses the calls
    /// for that longer time, up to `retry_hanging`. So a store that hangs does not delay every request by its timeout.
    static constexpr duration retry_failed = std::chrono::milliseconds{100};
    static constexpr duration retry_hanging = std::chrono::milliseconds{500};
    /// The same after a call that found no free connection.
    static constexpr duration retry_busy = std::chrono::milliseconds{10};

    /// Whether the last call failed, so that the local fallback decides if the policy has one.
    [[nodiscard]] bool is_local() const noexcept { return local_ != nullptr && local_->is_active(); }
    /// Whether it is too early to call the store again.
    [[nodiscard]] bool holds_calls(instant now) const noexcept { return is_local() && local_->until() > now; }
    /// The store's text when it failed. **Preconditions.** `is_local()`.
    [[nodiscard]] const std::string& error() const noexcept { return local_->error(); }

    /// A call that began at `asked` has failed at `now`. The store is not called for a while.
    void begin(instant asked, instant now, const std::string& error) {
        made().begin(saturating_add(now, std::clamp(now - asked, retry_failed, retry_hanging)), error);
    }
    /// A call has succeeded. The entries in the local fallback stay there.
    void end() noexcept {
        if (local_ != nullptr)
            local_->end();
    }

    /// Decides without the store. `gate` is the gate that the store could not take, `known` is its last answer before
    /// it failed, and `verb(local_fallback&, instant)` asks the local fallback.
    template <class F>
    [[nodiscard]] assessment decide(store_failure mode, const std::shared_ptr<const key_rules>& rules,
                                    multiplier factor, instant gate, const assessment& known, instant now, F&& verb) {
        if (const assessment f = denial(mode, gate, known, now); !f.admits())
            return f;
        if (mode == store_failure::closed)
            return {made().until(), cause::store, 0};
        made().set_rules(rules, factor);
        assessment f = verb(*local_, now);
        // The store may allow more than the share of this process, once it answers again.
        if (!f.admits() && f.cause != cause::inflight && f.cause != cause::gate)
            f = {local_->until(), cause::store, 0};
        return f;
    }

    /// Denies, because every connection of this process was in use. The store may work, so the local fallback must not
    /// admit beside it.
    [[nodiscard]] static assessment decide_busy(store_failure mode, instant gate, const assessment& known,
                                                instant now) {
        const assessment f = denial(mode, gate, known, now);
        return f.admits() ? assessment{saturating_add(now, retry_busy), cause::store, 0} : f;
    }

    /// Settles an entry of the local fallback.
    void settle(entry& e, settlement how, instant now) { local_->settle(e, how, now); }
    [[nodiscard]] bool is_idle(instant now) const { return local_ == nullptr || local_->idle(now); }

private:
    /// The denial that still holds without a call. It admits if there is none.
    [[nodiscard]] static assessment denial(store_failure mode, instant gate, const assessment& known, instant now) {
        if (gate > now)
            return {gate, cause::gate, 0};
        if (!known.admits() && (known.cause == cause::gate || mode != store_failure::open))
            return known;
        return {now, cause::none, 0};
    }
    [[nodiscard]] local_fallback& made() {
        if (local_ == nullptr)
            local_ = std::make_unique<local_fallback>();
        return *local_;
    }

    std::unique_ptr<local_fallback> local_;  // made when the store fails for the first time
};

}  // namespace weir::detail
