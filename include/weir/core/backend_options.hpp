// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// Where the logs are kept. Both members stay text until the store of that kind reads them.
struct backend_options {
    /// One of `known_backends`, or a kind of the program's own.
    std::string kind = "memory";
    /// The store's own connection text; empty = none. It may contain a password, so it never appears in a message.
    std::string dsn{};

    friend bool operator==(const backend_options&, const backend_options&) = default;
};

/// A kind that a configuration may name, even if the program was built without it.
struct known_backend {
    std::string_view kind;
    std::string_view component;               ///< the CMake target of this kind; empty = always built in
    std::string_view package;                 ///< the Debian package that the component needs
    std::array<std::string_view, 3> schemes;  ///< how a connection text of this kind begins; unused ones are empty
    std::string_view example;                 ///< such a text
};

/// Every kind of store. The values of `backend.kind`, the schema, the help and messages are made from this list.
inline constexpr std::array<known_backend, 4> known_backends{{
    {"memory", "", "", {}, ""},
    {"sqlite", "weir::sqlite", "libsqlite3-dev", {"sqlite"}, "sqlite:///var/lib/app/limits.db"},
    {"redis", "weir::redis", "libhiredis-dev", {"redis", "rediss", "redis+unix"}, "redis://127.0.0.1:6379/0"},
    {"postgres", "weir::postgres", "libpq-dev", {"postgresql", "postgres"}, "postgresql://127.0.0.1:5432/app"},
}};

/// The known kind whose scheme a connection text begins with; null if there is none.
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

namespace detail {

inline constexpr std::string_view backend_lead = "where the logs live: ";
inline constexpr auto backend_letters = [] {
    constexpr std::size_t size = [] {
        std::size_t out = backend_lead.size();
        for (const known_backend& known : known_backends)
            out += known.kind.size() + 2;
        return out;
    }();
    std::array<char, size> out{};
    auto at = std::ranges::copy(backend_lead, out.begin()).out;
    for (const known_backend& known : known_backends)
        at = std::ranges::copy(std::string_view{", "}, std::ranges::copy(known.kind, at).out).out;
    return out;
}();
/// The help text of `backend.kind`, with every kind.
inline constexpr std::string_view backend_help{backend_letters.data(), backend_letters.size() - 2};
/// The kinds with ", " between them.
inline constexpr std::string_view backend_words = backend_help.substr(backend_lead.size());

}  // namespace detail
}  // namespace weir
