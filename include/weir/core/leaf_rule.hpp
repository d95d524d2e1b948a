// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

enum class value_type : std::uint8_t {
    whole,    ///< a whole number
    number,   ///< a number, a fraction allowed
    boolean,  ///< true or false
    word,     ///< one of a few words
    text,     ///< any text
    rates,    ///< a list of rates, or one text with "," or "+" between them
    span,     ///< a number of milliseconds, or a text with a unit
    names,    ///< a list of role names, or one text with "," between them
    hosts,    ///< a list of hosts and wildcards, or one text with "," between them
};

/// A leaf's value once it is checked. `std::monostate` stands for "none".
using checked_value = std::variant<std::monostate, std::int64_t, double, bool, std::string, std::vector<rate>, duration,
                                   std::vector<std::string>>;

/// The properties of a leaf that do not depend on its purpose. Checks, suggestions, the schema and the help are made
/// from tables of these.
struct leaf_rule {
    std::string_view name = {};  ///< path from the top, or from a role
    value_type type = value_type::text;
    double min = 0;
    double max = 0;
    bool open_ended = false;            ///< whether a program may set more than `max`, which limits only written values
    std::string_view none_word = {};    ///< this word, or null, stands for "none"; empty = there is always a value
    bool in_files = true;               ///< whether a file may have it; a variable or flag always may
    bool secret = false;                ///< whether messages must not show it
    std::string_view words = {};        ///< for `word`: the allowed ones, ", " between them
    std::string_view former_word = {};  ///< a word that an earlier version allowed
    std::string_view instead = {};      ///< the word that replaces it
    std::string_view no_default = {};   ///< text in place of the default, if the default is not the member's own
    std::string_view meaning = {};

    [[nodiscard]] constexpr bool may_be_none() const noexcept { return !none_word.empty(); }
};

/// A rule, and the member of an `Owner` that it describes.
template <class Owner>
struct member_rule : leaf_rule {
    checked_value (*read)(const leaf_rule&, const Owner&) = nullptr;
    void (*write)(const leaf_rule&, Owner&, checked_value&&) = nullptr;
    void (*copy)(const Owner& from, Owner& to) = nullptr;

    [[nodiscard]] checked_value value_in(const Owner& owner) const { return read(*this, owner); }
    /// **Preconditions.** The value has passed this rule's check.
    void store(Owner& owner, checked_value&& value) const { write(*this, owner, std::move(value)); }
};

namespace detail {

inline constexpr double max_count = static_cast<double>(rate::max);
inline constexpr double longest_ms = static_cast<double>(rate::longest.count()) / 1e6;

/// The member at the end of a path of member pointers.
template <auto First, auto... Rest, class Owner>
[[nodiscard]] constexpr auto& member_at(Owner& owner) noexcept {
    if constexpr (sizeof...(Rest) == 0)
        return owner.*First;
    else
        return member_at<Rest...>(owner.*First);
}

/// The word of that index among the rule's words.
[[nodiscard]] constexpr std::string_view word_at(std::string_view words, std::size_t index) noexcept {
    for (; index > 0; --index)
        words.remove_prefix(words.find(", ") + 2);
    return words.substr(0, words.find(", "));
}
[[nodiscard]] constexpr std::size_t word_index(std::string_view words, std::string_view word) noexcept {
    std::size_t index = 0;
    while (word_at(words, index) != word)
        ++index;
    return index;
}

/// The member's own value that means "none", for types that have one.
template <class T>
concept may_say_none =
    std::is_same_v<T, std::int64_t> || std::is_same_v<T, duration> || std::is_same_v<T, std::optional<duration>>;
template <may_say_none T>
inline constexpr T none_of{};
template <>
inline constexpr duration none_of<duration> = forever;

/// Converts a member to a value and back. The words of the rule name the values of an enumeration, in their order.
template <class Owner, auto... Path>
struct member_access {
    using type = std::remove_cvref_t<decltype(member_at<Path...>(std::declval<Owner&>()))>;

    static checked_value read(const leaf_rule& rule, const Owner& owner) {
        const type& value = member_at<Path...>(owner);
        if constexpr (std::is_enum_v<type>) {
            return std::string{word_at(rule.words, static_cast<std::size_t>(value))};
        } else {
            if constexpr (may_say_none<type>)
                if (rule.may_be_none() && value == none_of<type>)
                    return std::monostate{};
            if constexpr (std::is_same_v<type, std::optional<duration>>)
                return *value;
            else
                return value;
        }
    }
    static void write(const leaf_rule& rule, Owner& owner, checked_value&& value) {
        type& out = member_at<Path...>(owner);
        if constexpr (may_say_none<type>)
            if (std::holds_alternative<std::monostate>(value)) {
                out = none_of<type>;
                return;
            }
        if constexpr (std::is_enum_v<type>)
            out = static_cast<type>(word_index(rule.words, std::get<std::string>(value)));
        else if constexpr (std::is_same_v<type, std::optional<duration>>)
            out = std::get<duration>(value);
        else
            out = std::get<type>(std::move(value));
    }
    static void copy(const Owner& from, Owner& to) { member_at<Path...>(to) = member_at<Path...>(from); }
};

template <class T>
[[nodiscard]] consteval value_type type_of(bool has_words) noexcept {
    if constexpr (std::is_same_v<T, bool>)
        return value_type::boolean;
    else if constexpr (std::is_same_v<T, double>)
        return value_type::number;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return value_type::whole;
    else if constexpr (std::is_same_v<T, std::vector<rate>>)
        return value_type::rates;
    else if constexpr (may_say_none<T>)
        return value_type::span;
    else
        return has_words ? value_type::word : value_type::text;
}

/// The row of a table for the member at the end of `Path`. The type of the member gives the type of the value.
template <class Owner, auto... Path>
[[nodiscard]] consteval member_rule<Owner> member_leaf(std::string_view name, std::string_view meaning,
                                                       leaf_rule rule = {}) {
    using access = member_access<Owner, Path...>;
    rule.name = name;
    rule.meaning = meaning;
    rule.type = type_of<typename access::type>(!rule.words.empty());
    return {rule, &access::read, &access::write, &access::copy};
}

template <class Rule, std::size_t A, std::size_t B>
[[nodiscard]] constexpr std::array<Rule, A + B> join(const std::array<Rule, A>& a, const std::array<Rule, B>& b) {
    std::array<Rule, A + B> out{};
    std::ranges::copy(b, std::ranges::copy(a, out.begin()).out);
    return out;
}

/// "1 to 100", without an exponent, because a file may not contain one.
[[nodiscard]] inline std::string range_text(const leaf_rule& rule) {
    return fmt::format("{} to {:.0f}", rule.min == 0.000001 ? "0.000001" : fmt::format("{}", rule.min), rule.max);
}

/// Adds a sentence for each leaf of `owner` that is outside its range.
template <class Owner, class Table>
void add_range_faults(const Table& rules, const Owner& owner, std::vector<std::string>& faults) {
    for (const member_rule<Owner>& rule : rules) {
        const checked_value value = rule.value_in(owner);
        double number = 0;
        if (const auto* whole = std::get_if<std::int64_t>(&value))
            number = static_cast<double>(*whole);
        else if (const auto* fraction = std::get_if<double>(&value))
            number = *fraction;
        else if (const auto* span = std::get_if<duration>(&value))
            number = std::chrono::duration<double, std::milli>{*span}.count();
        else
            continue;
        if (!(number >= rule.min && (rule.open_ended || number <= rule.max)))
            faults.push_back(fmt::format("{}: {} is outside {}", rule.name, number, range_text(rule)));
    }
}

}  // namespace detail
}  // namespace weir
