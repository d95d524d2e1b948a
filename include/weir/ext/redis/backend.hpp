// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/options.hpp"
#include "weir/ext/redis/redis_store.hpp"

#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/store.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace weir::redis {

/// `backend.kind: redis` for `open_store`. Under injected time no permit expires within a year.
inline constexpr weir::backend backend{"redis", [](std::string_view dsn, store_time time) -> result<any_store> {
                                           auto options = parse_redis_dsn(dsn);
                                           if (!options)
                                               return options.error();
                                           if (time == store_time::injected) {
                                               options->injected_time = true;
                                               options->entry_ttl = std::chrono::hours{24 * 365};
                                           }
                                           try {
                                               return any_store{redis_store{*std::move(options)}};
                                           } catch (const exception& e) {  // TLS that this hiredis has not
                                               return error{errc::bad_configuration, e.what()};
                                           }
                                       }};

}  // namespace weir::redis
