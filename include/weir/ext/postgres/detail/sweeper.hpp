// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/session.hpp"
#include "weir/ext/postgres/detail/wire.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir::postgres::detail {

/// Sometimes forgets a few idle keys after a verb, and does not wait for the reply.
///
/// **Thread safety.** All members may be called from any thread.
class sweeper {
public:
    void after_verb(session& by, instant now) {
        std::int64_t due = next_.load(std::memory_order_relaxed);  // a hint: it orders nothing
        const std::int64_t at = now.time_since_epoch().count();
        if (at < due || !next_.compare_exchange_strong(due, at + pause.count()))
            return;
        parameter_list values;
        values.number(from_.load());
        values.number(64);
        try {
            static_cast<void>(by.send(verb::sweep, values, {}, &from_));
        } catch (const store_error&) {
            // The session is closed now; the decision is still valid.
        }
    }

private:
    static constexpr duration pause = std::chrono::milliseconds{200};

    std::atomic<std::int64_t> next_{0};
    std::atomic<std::int64_t> from_{0};
};

}  // namespace weir::postgres::detail
