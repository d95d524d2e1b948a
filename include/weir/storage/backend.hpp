// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/any_store.hpp"
#include "weir/storage/store.hpp"

#include "weir/core/detail/text.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"

#include <array>
#include <chrono>
#include <cstddef>
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

/// A kind that a configuration may name, whether or not a program was built with it.
struct known_backend {
    std::string_view kind;
    std::string_view component;               ///< the CMake target that has it; empty = always there
    std::string_view package;                 ///< Debian's package of what the component needs
    std::array<std::string_view, 3> schemes;  ///< what a connection text of it begins with; the rest are empty
    std::string_view example;                 ///< such a text
};

inline constexpr std::array<known_backend, 4> known_backends{{
    {"memory", "", "", {}, ""},
    {"sqlite", "weir::sqlite", "libsqlite3-dev", {"sqlite"}, "sqlite:///var/lib/app/limits.db"},
    {"redis", "weir::redis", "libhiredis-dev", {"redis", "rediss", "redis+unix"}, "redis://127.0.0.1:6379/0"},
    {"postgres", "weir::postgres", "libpq-dev", {"postgresql", "postgres"}, "postgresql://127.0.0.1:5432/app"},
}};

/// The known kind whose scheme a connection text begins with; null where it is none of them.
[[nodiscard]] inline const known_backend* kind_of_dsn(std::string_view dsn) noexcept {
    const std::string_view scheme = dsn.substr(0, dsn.find(':'));
    if (scheme.size() == dsn.size())
        return nullptr;
    for (const known_backend& known : known_backends)
        for (const std::string_view its : known.schemes)
            if (!its.empty() && detail::same_ignoring_case(scheme, its))
                return &known;
    return nullptr;
}

}  // namespace weir
