// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/options.hpp"
#include "weir/ext/postgres/postgres_store.hpp"

#include "weir/core/result.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/store.hpp"

#include <string_view>

namespace weir::postgres {

/// Makes the store from a connection text, as `weir::backend` requires.
[[nodiscard]] inline result<any_store> open_backend(std::string_view dsn, store_time time) {
    return open_with<postgres_store>(parse_postgres_dsn(dsn), time);
}

/// `backend.kind: postgres` for `open_store`.
inline constexpr weir::backend backend{"postgres", open_backend};

}  // namespace weir::postgres
