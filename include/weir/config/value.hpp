// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/key.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::detail {

/// The trimmed parts of `text` between any of `separators`.
[[nodiscard]] inline std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> out;
    for (std::size_t begin = 0;;) {
        const auto end = text.find_first_of(separators, begin);
        out.push_back(trim(text.substr(begin, end - begin)));
        if (end == std::string_view::npos)
            return out;
        begin = end + 1;
    }
}

/// A number such as 20 or 0.05 that fills all of `text`, without sign, exponent, leading zero, infinity or hexadecimal
/// digits.
[[nodiscard]] inline std::optional<double> plain_number(std::string_view text) noexcept {
    const bool shape = !text.empty() && is_digit(text.front()) && is_digit(text.back()) &&
                       text.find_first_not_of("0123456789.") == std::string_view::npos &&
                       (text.front() != '0' || text.size() == 1 || text[1] == '.');
    double out = 0;
    if (!shape)
        return std::nullopt;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out, std::chars_format::fixed);
    if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(out))
        return std::nullopt;
    return out;
}

/// A whole number without leading zeros.
[[nodiscard]] inline std::optional<std::int64_t> plain_whole(std::string_view text) noexcept {
    std::int64_t out = 0;
    if (!whole_number(text, out) || (text.front() == '0' && text.size() > 1))
        return std::nullopt;
    return out;
}

/// A span as text: `250` and `0.5` are milliseconds; `250ms`, `2s` and `1.5min` have a unit.
[[nodiscard]] inline std::optional<duration> read_span(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = plain_number(text.substr(0, digits));
    const std::string_view unit = trim(text.substr(digits));
    const duration length = unit.empty() ? duration{std::chrono::milliseconds{1}} : unit_length(unit);
    if (!number || length == duration::zero())
        return std::nullopt;
    const double ns = *number * static_cast<double>(length.count());
    if (ns > static_cast<double>(rate::longest.count()))
        return duration{INT64_MAX};
    return duration{std::llround(ns)};
}

/// The values that `rule` allows, as the end of a sentence.
[[nodiscard]] inline std::string allowed(const leaf_rule& rule) {
    const std::string none = !rule.may_be_none()        ? ""
                             : rule.none_word == "none" ? ", or null for none"
                                                        : fmt::format(", or {}", rule.none_word);
    switch (rule.type) {
    case value_type::whole:
        return rule.min == rule.max ? fmt::format("it must be {}", rule.min)
                                    : fmt::format("it is a whole number from {}{}", range_text(rule), none);
    case value_type::number:
        return fmt::format("it is a number from {}{}", range_text(rule), none);
    case value_type::boolean:
        return "it is true or false";
    case value_type::word:
        return fmt::format("it is one of {}", rule.words);
    case value_type::text:
        return "it is a text";
    case value_type::rates:
        return "it is a list of rates such as [\"10/SECOND\", \"5000/HOUR\"]";
    case value_type::span:
        return fmt::format("it is a number of milliseconds from {}, or a text such as \"250ms\" or \"2s\"{}",
                           range_text(rule), none);
    case value_type::names:
        return "it is a list of names such as [search, feed]";
    case value_type::hosts:
        return "it is a list of hosts such as [arxiv.org, \"*.arxiv.org\"]";
    }
    return {};
}

/// A longer list is a mistake, and would make every decision or lookup slow.
inline constexpr std::size_t max_rates = 64;
inline constexpr std::size_t max_names = 256;

/// Checks one leaf's value against its rule. Faults go to `faults`, and then there is no value. Remarks about a correct
/// value go to `notes`, unless it is null. Neither has a path, because the caller knows it and seldom needs it.
class value_check {
public:
    value_check(const leaf_rule& rule, const layer& in, const leaf& from, std::vector<fault>& faults,
                std::vector<fault>* notes = nullptr, idna_function idna = nullptr)
        : rule_(rule), layer_(in), leaf_(from), faults_(faults), notes_(notes), idna_(idna) {}

    [[nodiscard]] std::optional<checked_value> operator()() {
        if (leaf_.kind == value_kind::section)
            return wrong(leaf_.key_at, "found a mapping; " + allowed(rule_));
        if (leaf_.kind == value_kind::null) {
            if (rule_.may_be_none())
                return checked_value{};
            return wrong(leaf_.key_at, fmt::format("found null; {}; leave the key out to inherit it", allowed(rule_)));
        }
        if (rule_.type == value_type::rates)
            return rates();
        if (rule_.type == value_type::names)
            return names();
        if (rule_.type == value_type::hosts)
            return hosts();
        if (leaf_.kind == value_kind::list)
            return wrong(leaf_.at, "found a list; " + allowed(rule_));
        return single(layer_.items(leaf_).front());
    }

private:
    std::nullopt_t wrong(mark at, std::string message) {
        faults_.push_back({layer_.at(leaf_, at), {}, std::move(message)});
        return std::nullopt;
    }

    std::nullopt_t unfit(const scalar& s) {
        // A word may be a connection string in the wrong key, and so contain a password.
        const std::string_view text = layer_.text(s);
        const bool url = text.find_first_of(":@=") != std::string_view::npos && rule_.type == value_type::word;
        if (url)
            return wrong(s.at, fmt::format("found something with options or an address in it; {}; a connection text "
                                           "goes into backend.dsn",
                                           allowed(rule_)));
        return wrong(s.at,
                     fmt::format("found {}; {}", text.empty() ? "nothing" : detail::in_quotes(text), allowed(rule_)));
    }

    std::optional<checked_value> single(const scalar& s) {
        const std::string_view text = trim(layer_.text(s));
        if (rule_.may_be_none() &&
            (same_ignoring_case(text, rule_.none_word) || (s.form == scalar_form::text && text == "null")))
            return checked_value{};
        switch (rule_.type) {
        case value_type::whole: {
            if (s.form == scalar_form::quoted)
                return quoted_value(s, plain_whole(text).has_value());
            const auto n = plain_whole(text);
            if (!n || !in_range(static_cast<double>(*n)))
                return unfit(s);
            return checked_value{*n};
        }
        case value_type::number: {
            if (s.form == scalar_form::quoted)
                return quoted_value(s, plain_number(text).has_value());
            const auto n = plain_number(text);
            if (!n || !in_range(*n))
                return unfit(s);
            return checked_value{*n};
        }
        case value_type::boolean:
            return boolean(s, text);
        case value_type::word:
            return word(s, text);
        case value_type::span: {
            if (s.form == scalar_form::quoted && plain_number(text))
                return quoted_value(s, true);
            const auto length = read_span(text);
            if (!length || *length > rate::longest)
                return unfit(s);
            return checked_value{*length};
        }
        default:
            return checked_value{std::string{layer_.text(s)}};
        }
    }

    [[nodiscard]] bool in_range(double n) const noexcept { return n >= rule_.min && n <= rule_.max; }

    std::nullopt_t quoted_value(const scalar& s, bool right_without) {
        if (!right_without)
            return unfit(s);
        return wrong(s.at, fmt::format("found the text {}; {}; drop the quotes", detail::in_quotes(layer_.text(s)),
                                       allowed(rule_)));
    }

    std::optional<checked_value> boolean(const scalar& s, std::string_view text) {
        const auto is_one_of = [text](auto... words) { return (same_ignoring_case(text, words) || ...); };
        const bool yes = is_one_of("true", "yes", "on") || (s.form == scalar_form::text && text == "1");
        const bool no = is_one_of("false", "no", "off") || (s.form == scalar_form::text && text == "0");
        if (s.form == scalar_form::quoted)
            return quoted_value(s, yes || no);
        if (!yes && !no)
            return unfit(s);
        return checked_value{yes};
    }

    std::optional<checked_value> word(const scalar& s, std::string_view text) {
        const auto words = split(rule_.words, ",");
        if (std::ranges::find(words, text) != words.end())
            return checked_value{std::string{text}};
        if (!rule_.former_word.empty() && same_ignoring_case(text, rule_.former_word))
            return wrong(s.at, fmt::format("found {}, which is gone; {}", detail::in_quotes(text), rule_.instead));
        const std::string guess = closest_match(lower(text), words);
        if (guess.empty())
            return unfit(s);
        return wrong(s.at,
                     fmt::format("found {}; did you mean \"{}\"? {}", detail::in_quotes(text), guess, allowed(rule_)));
    }

    /// Calls `each(text, scalar)` for every item of the list. Returns whether every call returned true.
    template <class Each>
    bool for_each_item(std::string_view separators, Each&& each) {
        bool good = true;
        // Only a single text is split. In a list, a comma inside an item is a mistake in the quotes.
        if (leaf_.kind == value_kind::list)
            for (const scalar& s : layer_.items(leaf_))
                good = each(layer_.text(s), s) && good;
        else
            for (const std::string_view piece : split(layer_.text(layer_.items(leaf_).front()), separators))
                good = each(piece, layer_.items(leaf_).front()) && good;
        return good;
    }

    std::optional<checked_value> rates() {
        if (leaf_.item_count == 0)
            return wrong(leaf_.at,
                         "the list is empty; give at least one rate such as \"10/SECOND\", leave the key out to "
                         "inherit the rates, or say unlimited: true");
        std::vector<written_rate> all;
        all.reserve(std::max<std::size_t>(leaf_.item_count, 2));
        const bool good = for_each_item(",+", [&](std::string_view piece, const scalar& s) {
            const auto r = parse_rate(piece);
            if (r) {
                all.push_back({*r, piece, s.at});
                return true;
            }
            const std::string word = lower(trim(piece));
            const bool lifted = word == "none" || word == "unlimited" || word == "null" || word == "inf";
            wrong(s.at, r.error().message + (lifted ? "; to have no limit say unlimited: true" : ""));
            return false;
        });
        if (all.size() > max_rates)
            return wrong(leaf_.at, fmt::format("found {} rates; a key has at most {}", all.size(), max_rates));
        if (!good)
            return std::nullopt;
        return checked_value{needed(all)};
    }

    struct written_rate {
        rate value;
        std::string_view text;
        mark at;
    };

    /// The rates without those that other rates of the list imply. These would cost time at every decision and change
    /// nothing.
    [[nodiscard]] std::vector<rate> needed(const std::vector<written_rate>& all) {
        std::vector<rate> out;
        out.reserve(all.size());
        for (const written_rate& loose : all) {
            const auto tight = std::ranges::find_if(all, [&](const written_rate& other) {
                // Of two equal rates the first is kept.
                return &other != &loose && is_implied_by(loose.value, other.value) &&
                       (other.value != loose.value || &other < &loose);
            });
            if (tight == all.end())
                out.push_back(loose.value);
            else if (notes_ != nullptr)
                notes_->push_back({layer_.at(leaf_, loose.at),
                                   {},
                                   fmt::format("{} is dropped: {} at {} implies it", in_quotes(trim(loose.text)),
                                               in_quotes(trim(tight->text)), layer_.at(leaf_, tight->at).text())});
        }
        return out;
    }

    std::optional<checked_value> names() {
        std::vector<std::string> out;
        const bool good = for_each_item(",", [&](std::string_view name, const scalar& s) {
            out.emplace_back(name);
            const auto why = role_name_fault(name);
            if (!why.empty())
                wrong(s.at, why);
            return why.empty();
        });
        if (out.size() > max_names)
            return wrong(leaf_.at, fmt::format("found {} names; the most are {}", out.size(), max_names));
        if (!good)
            return std::nullopt;
        return checked_value{std::move(out)};
    }

    std::optional<checked_value> hosts() {
        std::vector<std::string> out;
        if (leaf_.item_count == 0)
            return wrong(leaf_.at, "the list is empty; name at least one host, or leave the group out");
        const bool good = for_each_item(",", [&](std::string_view text, const scalar& s) {
            auto name = canonical_pattern(text, idna_);
            if (name)
                out.push_back(*std::move(name));
            else
                wrong(s.at, name.error().message);
            return static_cast<bool>(name);
        });
        if (!good)
            return std::nullopt;
        return checked_value{std::move(out)};
    }

    const leaf_rule& rule_;
    const layer& layer_;
    const leaf& leaf_;
    std::vector<fault>& faults_;
    std::vector<fault>* notes_;
    idna_function idna_;
};

}  // namespace weir::detail
