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

/// The longest field that is read, in bytes; a longer one is malformed.
inline constexpr std::size_t max_bytes = detail::reader::max_bytes;

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
/// **Errors.** `errc::bad_field` for a value that is malformed anywhere, with the offset, the byte there and the rule
/// it breaks. A field is read as a whole or not at all. **Complexity.** One pass, and a sort if a value has several
/// parameters.
[[nodiscard]] inline result<item> parse_item(std::string_view value) { return detail::parse<item>(value); }

/// The same for a List: `"burst";q=100, (1 2)`. An empty value is an empty list.
[[nodiscard]] inline result<list> parse_list(std::string_view value) { return detail::parse<list>(value); }

/// The same for a Dictionary: `limit=100, remaining=50, lax`. If a key occurs twice, the last value counts, at the
/// position of the first.
[[nodiscard]] inline result<dictionary> parse_dictionary(std::string_view value) {
    return detail::parse<dictionary>(value);
}

/// The field of that name, with all its lines joined. An absent field is an empty List or Dictionary; as an Item it is
/// malformed.
[[nodiscard]] inline result<item> parse_item(const headers& fields, std::string_view name) {
    return parse_item(fields.joined(name).value_or(""));
}
[[nodiscard]] inline result<list> parse_list(const headers& fields, std::string_view name) {
    return parse_list(fields.joined(name).value_or(""));
}
[[nodiscard]] inline result<dictionary> parse_dictionary(const headers& fields, std::string_view name) {
    return parse_dictionary(fields.joined(name).value_or(""));
}

/// The text of a field's value (RFC 9651 §4.1), which the parser of its kind reads back as the same value. An empty
/// List or Dictionary gives an empty text: do not send the field.
///
/// **Errors.** `errc::bad_field` for a value that no field can contain, such as an integer of 16 digits or a token with
/// a space.
[[nodiscard]] inline result<std::string> serialize(const item& field) { return detail::write(field); }
[[nodiscard]] inline result<std::string> serialize(const list& field) { return detail::write(field); }
[[nodiscard]] inline result<std::string> serialize(const dictionary& field) { return detail::write(field); }

}  // namespace weir::http::sf
