// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/sql_texts.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::postgres::detail {

/// The version of the schema that this program uses.
inline constexpr std::int64_t schema_version = 4;

/// The first part of the two-part advisory locks of one schema.
[[nodiscard]] inline std::uint32_t lock_class(std::string_view schema) noexcept {
    std::uint32_t hash = 2166136261U;
    for (const char c : schema)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash & 0x7fff'ffffU;
}

/// A text of `sql` with the schema's name and the constants in it.
[[nodiscard]] inline std::string filled_text(std::string text, std::string_view schema, bool unlogged) {
    const auto put = [&text](std::string_view name, std::string_view value) {
        for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
            text.replace(at, name.size(), value);
    };
    put("@CLOCK", "(date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000");
    put("@STEP", "1000000000");
    put("@WAITED", "1000000");
    put("@NEVER", "(-4611686018427387904)");
    put("@FAR", "4611686018427387903");
    put("@IS_UNLOGGED", unlogged ? "true" : "false");
    put("@UNLOGGED", unlogged ? "UNLOGGED" : "");
    put("@VERSION", fmt::format("{}", schema_version));
    put("@K", fmt::format("{}", lock_class(schema)));
    put("@S", fmt::format("\"{}\"", schema));
    return text;
}

/// The text that updates a schema of version `from` (0 = an empty one): several statements, to be run in one
/// transaction. A text that changes tables belongs to one version and never changes after its release. The functions
/// are replaced by the present ones.
///
/// **Preconditions.** `schema` is a plain lower-case identifier; `from` < `schema_version`.
[[nodiscard]] inline std::string migration_text(std::int64_t from, std::string_view schema, bool unlogged) {
    static constexpr std::array<std::string_view, schema_version> tables{sql::tables, sql::version_2, sql::version_3,
                                                                         sql::version_4};
    std::string text;
    for (auto version = static_cast<std::size_t>(from); version < tables.size(); ++version)
        text += tables[version];
    text += sql::functions;
    return filled_text(std::move(text), schema, unlogged);
}

}  // namespace weir::postgres::detail
