// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/options.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "weir/core/result.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/store.hpp"

#include <string_view>

namespace weir::sqlite {

/// Makes the store from a connection text, as `weir::backend` requires.
[[nodiscard]] inline result<any_store> open_backend(std::string_view dsn, store_time time) {
    return open_with<sqlite_store>(parse_sqlite_dsn(dsn), time);
}

/// `backend.kind: sqlite` for `open_store`.
inline constexpr weir::backend backend{"sqlite", open_backend};

}  // namespace weir::sqlite
