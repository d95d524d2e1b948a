// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/sqlite/options.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "weir/core/result.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/store.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace weir::sqlite {

/// `backend.kind: sqlite` for `open_store`. Under injected time no permit expires within a year.
inline constexpr weir::backend backend{"sqlite", [](std::string_view dsn, store_time time) -> result<any_store> {
                                           auto options = parse_sqlite_dsn(dsn);
                                           if (!options)
                                               return options.error();
                                           if (time == store_time::injected) {
                                               options->injected_time = true;
                                               options->entry_ttl = std::chrono::hours{24 * 365};
                                           }
                                           return any_store{sqlite_store{*std::move(options)}};
                                       }};

}  // namespace weir::sqlite
