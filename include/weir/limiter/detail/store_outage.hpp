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
    /// How long after a call that failed the store is called again.
    static constexpr duration retry_after = std::chrono::milliseconds{100};

    /// Whether the last call failed, so that the local fallback decides.
    [[nodiscard]] bool is_local() const noexcept { return local_ != nullptr && local_->is_active(); }
    /// Whether it is too early to call the store again.
    [[nodiscard]] bool holds_calls(instant now) const noexcept { return is_local() && local_->until() > now; }
    /// The store's text when it failed. **Preconditions.** `is_local()`.
    [[nodiscard]] const std::string& error() const noexcept { return local_->error(); }

    /// A call has failed at `now`. The local fallback decides until the store is called again.
    void begin(instant now, const std::string& error) { made().begin(saturating_add(now, retry_after), error); }
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
        if (gate > now)
            return {gate, cause::gate, 0};
        if (!known.admits() && (known.cause == cause::gate || mode != store_failure::open))
            return known;
        if (mode == store_failure::closed)
            return {saturating_add(now, retry_after), cause::store, 0};
        made().set_rules(rules, factor);
        assessment f = verb(*local_, now);
        // The store may allow more than the share of this process, once it answers again.
        if (!f.admits() && f.cause != cause::inflight && f.cause != cause::gate)
            f = {local_->until(), cause::store, 0};
        return f;
    }

    /// Settles an entry of the local fallback.
    void settle(entry& e, settlement how, instant now) { local_->settle(e, how, now); }
    [[nodiscard]] bool is_idle(instant now) const { return local_ == nullptr || local_->idle(now); }

private:
    [[nodiscard]] local_fallback& made() {
        if (local_ == nullptr)
            local_ = std::make_unique<local_fallback>();
        return *local_;
    }

    std::unique_ptr<local_fallback> local_;  // made when the store fails for the first time
};

}  // namespace weir::detail
