// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// The values of structured fields (RFC 9651), under the names the RFC gives them.
namespace weir::http::sf {

/// A number with up to three digits after its point, kept exactly: 1.5 is 1500 thousandths.
struct decimal {
    std::int64_t thousandths = 0;

    friend bool operator==(const decimal&, const decimal&) = default;
};

/// A word without quotes: `gzip`, `text/html`. It is not the String of the same letters.
struct token {
    std::string text{};

    friend bool operator==(const token&, const token&) = default;
};

/// Any bytes; base64 between colons on the wire.
struct byte_sequence {
    std::string bytes{};

    friend bool operator==(const byte_sequence&, const byte_sequence&) = default;
};

/// Text for people, in UTF-8; a String is ASCII.
struct display_string {
    std::string text{};

    friend bool operator==(const display_string&, const display_string&) = default;
};

using date = std::chrono::sys_seconds;

/// One value: Integer, Decimal, String, Token, Byte Sequence, Boolean, Date or Display String.
using bare_item = std::variant<std::int64_t, decimal, std::string, token, byte_sequence, bool, date, display_string>;

/// Values by key, in the order of the first occurrence of each key; each key once.
template <class Value>
struct keyed {
    std::vector<std::pair<std::string, Value>> entries{};

    /// The value of that key, or null. `std::get_if` takes either: `std::get_if<std::int64_t>(p.find("q"))`.
    ///
    /// **Lifetime.** Until the entries change. **Complexity.** One walk over the keys.
    [[nodiscard]] const Value* find(std::string_view key) const noexcept {
        for (const auto& [name, value] : entries)
            if (name == key)
                return &value;
        return nullptr;
    }
    [[nodiscard]] auto begin() const noexcept { return entries.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries.empty(); }

    friend bool operator==(const keyed&, const keyed&) = default;
};

/// The parameters of a value: `;q=100;w=60`. A key without a value is `true`.
using parameters = keyed<bare_item>;

struct item {
    bare_item value{};
    parameters params{};

    friend bool operator==(const item&, const item&) = default;
};

/// `(1 2);a`
struct inner_list {
    std::vector<item> items{};
    parameters params{};

    friend bool operator==(const inner_list&, const inner_list&) = default;
};

using member = std::variant<item, inner_list>;
using list = std::vector<member>;
using dictionary = keyed<member>;

}  // namespace weir::http::sf
