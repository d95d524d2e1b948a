// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/clock.hpp"
#include "weir/storage/common_memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace weir::testing {

namespace detail {
/// Counts the verbs, and does ahead of each what a test asks for.
struct told_prelude {
    std::function<void(std::string_view)> before;
    std::atomic<std::int64_t> calls{0};

    void operator()(std::string_view verb) {
        calls.fetch_add(1);
        if (before)
            before(verb);
    }
};
}  // namespace detail

/// A shared store without a server: registries that hold copies of one stand for processes.
///
/// Everything a real one may do to the limiter it does on demand: `before` is called ahead of every verb, outside any
/// lock, and may block, or throw `store_error`.
///
/// **Thread safety.** As the store concept asks; `before` is set while no verb is under way.
template <clock_source Clock = steady_clock>
class common_store : public common_memory_store<Clock, detail::told_prelude> {
public:
    explicit common_store(Clock clock = {}) : common_memory_store<Clock, detail::told_prelude>(std::move(clock)) {}

    /// Called ahead of every verb with its name.
    void before(std::function<void(std::string_view verb)> what) { this->prelude().before = std::move(what); }
    /// How many verbs were called.
    [[nodiscard]] std::int64_t calls() const noexcept { return this->prelude().calls.load(); }
};

static_assert(store<common_store<>>);

}  // namespace weir::testing
