// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/options.hpp"
#include "weir/ext/redis/redis_store.hpp"

#include "weir/core/result.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/store.hpp"

#include <string_view>

namespace weir::redis {

/// Makes the store from a connection text, as `weir::backend` requires.
[[nodiscard]] inline result<any_store> open_backend(std::string_view dsn, store_time time) {
    return open_with<redis_store>(parse_redis_dsn(dsn), time);
}

/// `backend.kind: redis` for `open_store`.
inline constexpr weir::backend backend{"redis", open_backend};

}  // namespace weir::redis
