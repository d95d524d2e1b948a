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

/// A store that a program was built with: what `backend.kind` calls it, and how it is made from `backend.dsn`.
///
/// `weir::sqlite::backend`, `weir::redis::backend` and so on; a store of one's own is listed the same way.
struct backend {
    std::string_view kind;
    /// Makes the store without connecting it. The text is not empty.
    ///
    /// **Errors.** `errc::bad_configuration`: what is wrong with the text, without a secret that is in it.
    result<any_store> (*open)(std::string_view dsn, store_time time);
};

/// What a component's `backend::open` does with the options its text made, for a store that is made of them.
///
/// Under injected time no permit expires within a year.
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
    } catch (const exception& e) {  // what the options ask for is not in this build, such as TLS
        return error{errc::bad_configuration, e.what()};
    }
}

}  // namespace weir
