// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/any_store.hpp"
#include "weir/storage/store.hpp"

#include "weir/core/error.hpp"
#include "weir/core/result.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace weir {

/// A store that a program was built with: its name in `backend.kind`, and how it is made from `backend.dsn`.
///
/// `weir::sqlite::backend`, `weir::redis::backend` and so on. A program lists a store of its own in the same way.
struct backend {
    std::string_view kind;
    /// Makes the store without connecting it. The text is not empty.
    ///
    /// **Errors.** `errc::bad_configuration`: what is wrong with the text, without any secret in it.
    result<any_store> (*open)(std::string_view dsn, store_time time);
};

/// The common part of each component's `backend::open`: makes the store from the options that the text gave.
///
/// Under injected time permits expire only after a year or more.
template <class Store, class Options>
[[nodiscard]] result<any_store> open_with(result<Options> options, store_time time) {
    if (!options)
        return options.error();
    if (time == store_time::injected) {
        options->injected_time = true;
        options->entry_ttl = std::chrono::hours{24 * 365};
    }
    try {
        return any_store{Store{*std::move(options)}};
    } catch (const exception& e) {  // the options ask for something that this build lacks, such as TLS
        return error{errc::bad_configuration, e.what()};
    }
}

}  // namespace weir
