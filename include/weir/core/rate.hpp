// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/closest_match.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace weir {

/// N units per T: no half-open interval of length `period` may hold more than `limit` units.
struct rate {
    std::int64_t limit = 1;                     ///< units, 1 to `max`
    duration period = std::chrono::seconds{1};  ///< whole milliseconds, `shortest` to `longest`

    static constexpr std::int64_t max = 1'000'000'000;
    static constexpr duration shortest = std::chrono::milliseconds{1};
    static constexpr duration longest = std::chrono::hours{24 * 366};

    friend constexpr bool operator==(const rate&, const rate&) = default;
};

/// Whether keeping `tight` implies keeping `loose`. It does if the period of `tight` is longer or equal and its limit
/// is not greater, or if the periods of `tight` that cover one period of `loose` hold no more together.
[[nodiscard]] constexpr bool is_implied_by(const rate& loose, const rate& tight) noexcept {
    if (tight.period >= loose.period)
        return tight.limit <= loose.limit;
    // ceil(T/U)*M <= N, without the product, which may overflow 64 bits.
    return (loose.period + tight.period - duration{1}) / tight.period <= loose.limit / tight.limit;
}

namespace detail {

struct time_unit {
    std::string_view name;
    duration length;
};

/// Every spelling of a rate's unit; `to_string` writes the first of each length.
inline constexpr std::array<time_unit, 28> time_units{{
    {"ms", std::chrono::milliseconds{1}},
    {"msec", std::chrono::milliseconds{1}},
    {"msecs", std::chrono::milliseconds{1}},
    {"millisecond", std::chrono::milliseconds{1}},
    {"milliseconds", std::chrono::milliseconds{1}},
    {"s", std::chrono::seconds{1}},
    {"sec", std::chrono::seconds{1}},
    {"secs", std::chrono::seconds{1}},
    {"second", std::chrono::seconds{1}},
    {"seconds", std::chrono::seconds{1}},
    {"min", std::chrono::minutes{1}},
    {"m", std::chrono::minutes{1}},
    {"mins", std::chrono::minutes{1}},
    {"minute", std::chrono::minutes{1}},
    {"minutes", std::chrono::minutes{1}},
    {"h", std::chrono::hours{1}},
    {"hr", std::chrono::hours{1}},
    {"hrs", std::chrono::hours{1}},
    {"hour", std::chrono::hours{1}},
    {"hours", std::chrono::hours{1}},
    {"d", std::chrono::hours{24}},
    {"day", std::chrono::hours{24}},
    {"days", std::chrono::hours{24}},
    {"w", std::chrono::hours{168}},
    {"wk", std::chrono::hours{168}},
    {"wks", std::chrono::hours{168}},
    {"week", std::chrono::hours{168}},
    {"weeks", std::chrono::hours{168}},
}};

/// The length of the unit called `name`, in upper or lower case; zero if there is none.
[[nodiscard]] constexpr duration unit_length(std::string_view name) noexcept {
    for (const auto& unit : time_units)
        if (same_ignoring_case(unit.name, name))
            return unit.length;
    return duration::zero();
}

/// Reads a whole number that fills all of `text`; false if there is another character or the number needs more than 64
/// bits.
[[nodiscard]] inline bool whole_number(std::string_view text, std::int64_t& out) noexcept {
    if (text.empty() || !is_digit(text.front()))
        return false;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failure == std::errc{} && end == text.data() + text.size();
}

/// The largest unit of a table by which `period` is a whole number; the first unit of the table is the shortest.
template <class Units>
[[nodiscard]] constexpr const time_unit& largest_unit(const Units& units, duration period) noexcept {
    const time_unit* best = &units.front();
    for (const auto& unit : units)
        if (unit.length > best->length && period % unit.length == duration::zero())
            best = &unit;
    return *best;
}

/// A span in the largest unit that fits, as in `3s` or `1h`.
[[nodiscard]] inline std::string period_text(duration period) {
    const time_unit& unit = largest_unit(time_units, period);
    return fmt::format("{}{}", period / unit.length, unit.name);
}

/// The spellings that a configuration file uses when it is written.
inline constexpr std::array<time_unit, 6> long_units{{
    {"MILLISECOND", std::chrono::milliseconds{1}},
    {"SECOND", std::chrono::seconds{1}},
    {"MINUTE", std::chrono::minutes{1}},
    {"HOUR", std::chrono::hours{1}},
    {"DAY", std::chrono::hours{24}},
    {"WEEK", std::chrono::hours{168}},
}};

}  // namespace detail

/// The rate as text that `parse_rate` reads back: `10/1s`, `300/5min`, `1000/1d`.
[[nodiscard]] inline std::string to_string(const rate& r) {
    return fmt::format("{}/{}", r.limit, detail::period_text(r.period));
}

/// The rate as a configuration file has it, which `parse_rate` reads back: `10/SECOND`, `1/3SECOND`, `300/5MINUTE`.
[[nodiscard]] inline std::string config_text(const rate& r) {
    const auto& unit = detail::largest_unit(detail::long_units, r.period);
    const auto times = r.period / unit.length;
    return fmt::format("{}/{}{}", r.limit, times == 1 ? "" : fmt::format("{}", times), unit.name);
}

/// Reads a rate from text: `10/SECOND`, `10/s`, `5000/h`, `1/3SECOND`, `1/500ms`, in upper or lower case, spaces
/// allowed.
///
/// **Errors.** `errc::bad_rate` for anything else. The message names the text, what is wrong with it and the closest
/// correct form. A missing unit is never guessed. Zero, negative, fractional and overflowing numbers are never rounded
/// to a legal value.
[[nodiscard]] inline result<rate> parse_rate(std::string_view text) {
    const auto bad = [text](std::string why) {
        return error{errc::bad_rate, fmt::format("rate {}: {}", detail::in_quotes(text), why)};
    };
    constexpr std::string_view example = "write N/UNIT or N/<count>UNIT, such as \"10/SECOND\", \"5000/h\" or \"1/3s\"";

    const std::string_view all = detail::trim(text);
    if (all.empty())
        return bad(fmt::format("it is empty; {}", example));
    const auto slash = all.find('/');
    if (slash == std::string_view::npos)
        return bad(fmt::format("it has no \"/\"; {}", example));
    if (all.find('/', slash + 1) != std::string_view::npos)
        return bad(fmt::format("it has more than one \"/\"; one every three seconds is \"1/3s\""));

    const std::string_view count = detail::trim(all.substr(0, slash));
    std::string_view unit = detail::trim(all.substr(slash + 1));
    rate out;
    if (!count.empty() && (count.front() == '-' || count.front() == '+'))
        return bad(fmt::format("a limit has no sign; write {}",
                               detail::in_quotes(fmt::format("{}/{}", count.substr(1), unit))));
    if (count.find_first_of("0123456789") == (count.starts_with('.') ? 1 : 0) &&
        count.find_first_of(".,eE") != std::string_view::npos)
        return bad("a limit is a whole number of requests; for a fraction lengthen the period: 1.5 a second is "
                   "\"3/2SECOND\"");
    if (!detail::whole_number(count, out.limit)) {
        if (!count.empty() && count.find_first_not_of("0123456789") == std::string_view::npos)
            return bad(fmt::format("the limit is too large; the most is {}", rate::max));
        return bad(fmt::format("{} is not a whole number; {}", detail::in_quotes(count), example));
    }
    if (out.limit == 0)
        return bad("it admits nothing; the least limit is 1, and a longer period makes it slower: \"1/DAY\"");
    if (out.limit > rate::max)
        return bad(fmt::format("the limit is too large; the most is {}", rate::max));

    std::size_t digits = 0;
    while (digits < unit.size() && detail::is_digit(unit[digits]))
        ++digits;
    std::int64_t times = 1;
    if (digits > 0 && !detail::whole_number(unit.substr(0, digits), times))
        return bad(fmt::format("the period is too long; the longest is {}", detail::period_text(rate::longest)));
    if (digits < unit.size() && (unit[digits] == '.' || unit[digits] == ',') && digits > 0)
        return bad("a period counts whole units; for half a second write \"500ms\"");
    unit = detail::trim(unit.substr(digits));
    if (!unit.empty() && (unit.front() == '-' || unit.front() == '+'))
        return bad(fmt::format("a period has no sign; {}", example));
    if (times == 0)
        return bad(fmt::format("the period is zero; the shortest is {}", detail::period_text(rate::shortest)));
    if (unit.empty())
        return bad(fmt::format("it has no unit; a unit is one of ms, s, min, h, day, week: \"{}/s\"", out.limit));

    const duration length = detail::unit_length(unit);
    if (length == duration::zero()) {
        std::array<std::string_view, detail::time_units.size()> names;
        for (std::size_t i = 0; i < names.size(); ++i)
            names[i] = detail::time_units[i].name;
        const std::string guess = closest_match(detail::lower(unit), names);
        return bad(fmt::format("unknown unit {}; a unit is one of ms, s, min, h, day, week{}", detail::in_quotes(unit),
                               guess.empty() ? ""
                                             : fmt::format(": did you mean \"{}/{}{}\"?", out.limit,
                                                           digits > 0 ? fmt::format("{}", times) : "", guess)));
    }
    if (times > rate::longest / length)
        return bad(fmt::format("the period is too long; the longest is {}", detail::period_text(rate::longest)));
    out.period = times * length;
    return out;
}

}  // namespace weir
