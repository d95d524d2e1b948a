// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/date.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/retry_after.hpp"

#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http::detail {

/// A number of up to 15 digits with any fraction, as in fields that have no grammar: `60`, `98.0`, `1470173023.1234`.
struct loose_number {
    std::int64_t thousandths = 0;
    bool and_more = false;  ///< whether a digit after the third decimal is not 0

    [[nodiscard]] constexpr std::int64_t floor() const noexcept { return thousandths / 1000; }
    [[nodiscard]] constexpr std::int64_t thousandths_up() const noexcept { return thousandths + (and_more ? 1 : 0); }
};

[[nodiscard]] constexpr std::optional<loose_number> parse_loose_number(std::string_view text) noexcept {
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = point < text.size() ? text.substr(point + 1) : "0";
    if (whole.empty() || whole.size() > 15 || fraction.empty())
        return std::nullopt;
    loose_number out;
    for (const char c : whole) {
        if (!weir::detail::is_digit(c))
            return std::nullopt;
        out.thousandths = out.thousandths * 10 + (c - '0');
    }
    for (std::size_t i = 0; i < std::max<std::size_t>(fraction.size(), 3); ++i) {
        const char c = i < fraction.size() ? fraction[i] : '0';
        if (!weir::detail::is_digit(c))
            return std::nullopt;
        if (i < 3)
            out.thousandths = out.thousandths * 10 + (c - '0');
        else
            out.and_more = out.and_more || c != '0';
    }
    return out;
}

/// Reads `2026-11-20T12:00:00Z`; a fraction (rounded up) and `+01:00` are allowed. A time without a zone is refused.
[[nodiscard]] constexpr std::optional<std::chrono::sys_seconds> parse_iso_date(std::string_view text) noexcept {
    using std::chrono::year, std::chrono::month, std::chrono::day, std::chrono::seconds;
    if (text.size() < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
        return std::nullopt;
    date_scanner before{text.substr(0, 10)}, after{text.substr(11, 8)};
    const year y{before.number(4)};
    before.literal("-");
    const month m{static_cast<unsigned>(before.number(2))};
    before.literal("-");
    const std::chrono::year_month_day date{y, m, day{static_cast<unsigned>(before.number(2))}};
    seconds time = after.time();
    if (!before.done() || !after.done() || !date.ok())
        return std::nullopt;

    std::string_view rest = text.substr(19);
    if (rest.front() == '.') {
        std::size_t digits = 1;
        while (digits < rest.size() && weir::detail::is_digit(rest[digits]))
            ++digits;
        if (digits == 1)
            return std::nullopt;
        time += seconds{rest.substr(1, digits - 1).find_first_not_of('0') == std::string_view::npos ? 0 : 1};
        rest.remove_prefix(digits);
    }
    if (rest.starts_with('+') || rest.starts_with('-')) {
        date_scanner zone{rest.substr(1)};
        const std::chrono::hours hours{zone.number(2)};
        zone.literal(":");
        const std::chrono::minutes minutes{zone.number(2)};
        if (!zone.done())
            return std::nullopt;
        time -= (rest.front() == '+' ? 1 : -1) * (hours + minutes);
    } else if (rest != "Z" && rest != "z") {
        return std::nullopt;
    }
    return std::chrono::sys_days{date} + time;
}

/// The time from now until the point that a `Reset` names: a number in `unit`, an HTTP-date or an ISO 8601 date. A
/// point in time is measured against the response's `Date`, as for `Retry-After`. From 0 to `longest_retry_after`.
[[nodiscard]] inline std::optional<duration> reset_after(std::string_view text, reset_unit unit, const headers& fields,
                                                         std::chrono::system_clock::time_point now) {
    using std::chrono::milliseconds;
    const auto clamped = [](milliseconds span) -> duration {
        return std::clamp(span, milliseconds{0}, std::chrono::duration_cast<milliseconds>(longest_retry_after));
    };
    const auto until = [&](milliseconds since_1970) {
        const auto date = only_date(fields, "Date", now);
        const auto from = date ? *date : std::chrono::floor<std::chrono::seconds>(now);
        return clamped(since_1970 - from.time_since_epoch());
    };
    if (const auto number = parse_loose_number(text)) {
        if (unit == reset_unit::guessed)
            unit = number->floor() > 1'000'000'000'000 ? reset_unit::epoch_milliseconds
                   : number->floor() > 1'000'000'000   ? reset_unit::epoch_seconds
                                                       : reset_unit::seconds;
        const milliseconds span{number->thousandths_up()};
        if (unit == reset_unit::seconds)
            return clamped(span);
        return until(unit == reset_unit::epoch_seconds ? span : milliseconds{(span.count() + 999) / 1000});
    }
    auto date = parse_http_date(text, now);
    if (!date)
        date = parse_iso_date(text);
    if (!date)
        return std::nullopt;
    return until(date->time_since_epoch());
}

}  // namespace weir::http::detail
