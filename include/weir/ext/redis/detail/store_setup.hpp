// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/error.hpp"
#include "weir/storage/remote/session_pool.hpp"

#include <string>

namespace weir::redis::detail {

/// The same options. **Errors.** `weir::exception` if they contradict themselves, or this build lacks what they need.
[[nodiscard]] inline redis_options checked(redis_options o) {
    if (std::string fault = fault_of(o); !fault.empty())
        throw exception{error{errc::bad_configuration, "redis: " + fault}};
    if (o.tls && !has_tls)
        throw exception{error{errc::bad_configuration,
                              "redis: rediss:// needs TLS, and this program was built without OpenSSL; build with "
                              "libssl-dev, or write redis://"}};
    return o;
}
[[nodiscard]] inline remote::pool_options pool_of(const redis_options& o) {
    return {.store = "redis",
            .server = server_of(o),
            .advice = "raise pool or pool_wait_ms",
            .sessions = o.pool,
            .wait = o.pool_wait,
            .flush_wait = o.command_timeout,
            .connect_timeout = o.connect_timeout,
            .reconnect_first = o.reconnect_first,
            .reconnect_max = o.reconnect_max};
}

}  // namespace weir::redis::detail
