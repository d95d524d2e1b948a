// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/backend.hpp"
#if WEIR_HAS_SQLITE
#include "weir/ext/sqlite/backend.hpp"
#endif
#if WEIR_HAS_REDIS
#include "weir/ext/redis/backend.hpp"
#endif
#if WEIR_HAS_POSTGRES
#include "weir/ext/postgres/backend.hpp"
#endif

#include <vector>

namespace weir::tools {

/// The stores this program was built with, beside memory.
[[nodiscard]] inline std::vector<backend> built_in() {
    return {
#if WEIR_HAS_SQLITE
        sqlite::backend,
#endif
#if WEIR_HAS_REDIS
        redis::backend,
#endif
#if WEIR_HAS_POSTGRES
        postgres::backend,
#endif
    };
}

}  // namespace weir::tools
