// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/options.hpp"

#include "weir/core/error.hpp"
#include "weir/storage/remote/session_pool.hpp"

#include <string>
#include <utility>

namespace weir::postgres::detail {

/// **Errors.** `weir::exception` (`errc::bad_configuration`) for options that contradict themselves.
[[nodiscard]] inline postgres_options checked(postgres_options o) {
    if (std::string fault = fault_of(o); !fault.empty())
        throw exception{error{errc::bad_configuration, "postgres: " + fault}};
    return o;
}

/// The pool of a store with these options.
[[nodiscard]] inline remote::pool_options pool_of(const postgres_options& o, const std::string& server) {
    return {.store = "postgres",
            .server = server,
            .advice = "raise weir_pool or weir_pool_wait_ms",
            .sessions = o.pool,
            .wait = o.pool_wait,
            .flush_wait = o.command_timeout,
            .connect_timeout = o.connect_timeout,
            .reconnect_first = o.reconnect_first,
            .reconnect_max = o.reconnect_max};
}

}  // namespace weir::postgres::detail
