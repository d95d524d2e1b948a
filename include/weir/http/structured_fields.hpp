// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/structured_reader.hpp"
#include "weir/http/detail/structured_writer.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/structured_value.hpp"

#include "weir/core/error.hpp"
#include "weir/core/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace weir::http::sf {

/// The most bytes of a field that is read; a longer one is malformed.
inline constexpr std::size_t most_bytes = detail::reader::most_bytes;

namespace detail {

template <class Field>
[[nodiscard]] result<Field> parse(std::string_view value) {
    reader in{value};
    Field out;
    if (!in.read(out))
        return in.fault();
    return out;
}
template <class Field>
[[nodiscard]] result<std::string> write(const Field& field) {
    writer to;
    to(field);
    return std::move(to).finish();
}

}  // namespace detail

/// Reads a structured field (RFC 9651 §4.2) that is an Item: `"burst";q=100`.
///
/// **Errors.** `errc::bad_field` for a value that is malformed anywhere, with the byte, what stands there and the rule
/// it breaks. There is no half-read field. **Complexity.** One pass, and a sort where a value has several parameters.
[[nodiscard]] inline result<item> parse_item(std::string_view value) { return detail::parse<item>(value); }

/// The same for a List: `"burst";q=100, (1 2)`. An empty value is an empty list.
[[nodiscard]] inline result<list> parse_list(std::string_view value) { return detail::parse<list>(value); }

/// The same for a Dictionary: `limit=100, remaining=50, lax`. Of a key that comes twice the last value counts, in the
/// place of the first.
[[nodiscard]] inline result<dictionary> parse_dictionary(std::string_view value) {
    return detail::parse<dictionary>(value);
}

/// The field of that name, all its lines joined first. An absent field is a malformed Item, and an empty List or
/// Dictionary.
[[nodiscard]] inline result<item> parse_item(const headers& fields, std::string_view name) {
    return parse_item(fields.joined(name).value_or(""));
}
[[nodiscard]] inline result<list> parse_list(const headers& fields, std::string_view name) {
    return parse_list(fields.joined(name).value_or(""));
}
[[nodiscard]] inline result<dictionary> parse_dictionary(const headers& fields, std::string_view name) {
    return parse_dictionary(fields.joined(name).value_or(""));
}

/// The one spelling of a field's value (RFC 9651 §4.1); the parser of its kind reads it back as itself. An empty List
/// or Dictionary is the empty text: leave the field out.
///
/// **Errors.** `errc::bad_field` for a value no field can carry, such as an integer of 16 digits or a token with a
/// space.
[[nodiscard]] inline result<std::string> serialize(const item& field) { return detail::write(field); }
[[nodiscard]] inline result<std::string> serialize(const list& field) { return detail::write(field); }
[[nodiscard]] inline result<std::string> serialize(const dictionary& field) { return detail::write(field); }

}  // namespace weir::http::sf
