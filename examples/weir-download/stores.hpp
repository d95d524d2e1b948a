// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/backend.hpp"
#ifdef WEIR_HAS_SQLITE
#include "weir/ext/sqlite/backend.hpp"
#endif
#ifdef WEIR_HAS_REDIS
#include "weir/ext/redis/backend.hpp"
#endif
#ifdef WEIR_HAS_POSTGRES
#include "weir/ext/postgres/backend.hpp"
#endif

#include <vector>

namespace download {

/// The stores that `backend.kind` can choose, beside memory: those this program was built with.
[[nodiscard]] inline std::vector<weir::backend> built_in() {
    return {
#ifdef WEIR_HAS_SQLITE
        weir::sqlite::backend,
#endif
#ifdef WEIR_HAS_REDIS
        weir::redis::backend,
#endif
#ifdef WEIR_HAS_POSTGRES
        weir::postgres::backend,
#endif
    };
}

}  // namespace download
