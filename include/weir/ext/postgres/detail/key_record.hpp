// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace weir::detail {

/// What this process knows of one key: its names, its number in the server, the last denial.
///
/// **Thread safety.** Every member.
struct pg_key {
    pg_key(std::string_view h, std::string_view r, std::size_t home_) : host(h), role(r), home(home_) {}

    const std::string host;
    const std::string role;
    const std::size_t home;                    ///< the connection its settlements go by
    std::atomic<std::int64_t> id{0};           ///< its number; 0 = not known
    std::atomic<std::uint64_t> generation{0};  ///< of the connections that `id` was learnt from
    std::atomic<std::int64_t> unsettled{0};    ///< settlements whose reply has not been seen
    std::atomic<std::int64_t> held{0};         ///< entries of this process that have not ended
    std::atomic<std::int64_t> factor{multiplier::one};

    /// Remembers a denial of one unit, which bounds those to come until this process makes room.
    void remember(const forecast& f, const window_plan& plan) {
        const std::lock_guard lock{mutex_};
        denied_ = f;
        window_ = f.why == cause::window ? plan.windows[f.window] : window{0, {}};
    }
    void forget() {
        const std::lock_guard lock{mutex_};
        denied_ = {long_ago, cause::none, 0};
    }
    /// The last denial while it lies ahead and is one under `plan`.
    [[nodiscard]] forecast foresee(const window_plan& plan, instant now) const {
        const std::lock_guard lock{mutex_};
        const bool holds = denied_.at > now && (denied_.why == cause::gate ||
                                                (denied_.why == cause::window && denied_.window < plan.windows.size() &&
                                                 plan.windows[denied_.window].limit <= window_.limit &&
                                                 plan.windows[denied_.window].period >= window_.period));
        return holds ? denied_ : forecast{now, cause::none, 0};
    }

private:
    mutable std::mutex mutex_;
    forecast denied_{long_ago, cause::none, 0};
    window window_{0, {}};
};

/// A settlement on its way. Those that name an entry may be sent twice: the second changes nothing.
struct pg_settlement {
    std::shared_ptr<pg_key> key;
    std::int64_t id = 0;
    std::int64_t entry = 0;
    std::int64_t how = 0;  ///< 0 answered, 1 released, 2 refunded; 3 takes back units that have no entry
    std::int64_t cost = 0;
    instant at{};  ///< when it was made, on this process's clock
    std::int64_t kept = 0;
    std::int64_t longest = 0;
};

}  // namespace weir::detail
