// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/date.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"

#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

/// The longest time that a field can state; a longer one is cut to it.
inline constexpr duration longest_retry_after = std::chrono::hours{24 * 366};

}  // namespace weir::http

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

/// Reads a span with its units: `6m0s`, `120s`, `1.5 min`, `76ms`, `350us`. It is rounded up to whole milliseconds and
/// cut to `longest_retry_after`.
[[nodiscard]] inline std::optional<duration> parse_span(std::string_view text) noexcept {
    constexpr std::array<weir::detail::time_unit, 4> tiny{
        {{"us", duration{1'000}}, {"\xC2\xB5s", duration{1'000}}, {"\xCE\xBCs", duration{1'000}}, {"ns", duration{1}}}};
    duration sum{};
    bool any = false;
    for (; !text.empty(); any = true) {
        const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
        const auto number = parse_loose_number(text.substr(0, digits));
        text = weir::detail::trim(text.substr(digits));
        const std::size_t letters = std::min(text.find_first_of("0123456789. \t"), text.size());
        const std::string_view name = text.substr(0, letters);
        duration unit = weir::detail::unit_length(name);
        for (const auto& t : tiny)
            if (t.name == name)
                unit = t.length;
        if (!number || unit == duration::zero())
            return std::nullopt;
        text = weir::detail::trim(text.substr(letters));
        if (number->floor() >= longest_retry_after / unit) {
            sum = longest_retry_after;
            continue;
        }
        // Below a microsecond a thousandth of the unit is no whole number of nanoseconds: it is rounded up.
        const std::int64_t part = number->thousandths_up() % 1000;
        sum += number->thousandths_up() / 1000 * unit + duration{(part * unit.count() + 999) / 1000};
        sum = std::min(sum, longest_retry_after);
    }
    return any ? std::optional<duration>{std::chrono::ceil<std::chrono::milliseconds>(sum)} : std::nullopt;
}

/// Reads a zone as seconds east of Greenwich: `Z`, `GMT`, `UTC`, `+01:00`, `+0100`, `+01`; nothing stands for `Z`.
[[nodiscard]] constexpr std::optional<std::chrono::seconds> parse_zone(std::string_view text) noexcept {
    using weir::detail::same_ignoring_case;
    text = weir::detail::trim(text);
    for (const std::string_view name : {"", "Z", "GMT", "UTC", "UT"})
        if (same_ignoring_case(text, name))
            return std::chrono::seconds{0};
    if (text.front() != '+' && text.front() != '-')
        return std::nullopt;
    date_scanner zone{text.substr(1)};
    const std::chrono::hours hours{zone.number(2)};
    if (text.size() == 6)
        zone.literal(":");
    const std::chrono::minutes minutes{text.size() > 3 ? zone.number(2) : 0};
    if (!zone.done())
        return std::nullopt;
    return (text.front() == '+' ? 1 : -1) * (hours + minutes);
}

/// Reads `2026-11-20T12:00:00Z`. The seconds, a fraction of them (rounded up) and the zone (UTC) may be absent.
[[nodiscard]] constexpr std::optional<std::chrono::sys_seconds> parse_iso_date(std::string_view text) noexcept {
    using std::chrono::year, std::chrono::month, std::chrono::day, std::chrono::seconds;
    if (text.size() < 16 || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
        return std::nullopt;
    const bool has_seconds = text.size() >= 19 && text[16] == ':';
    date_scanner before{text.substr(0, 10)}, after{text.substr(11, has_seconds ? 8 : 5)};
    const year y{before.number(4)};
    before.literal("-");
    const month m{static_cast<unsigned>(before.number(2))};
    before.literal("-");
    const std::chrono::year_month_day date{y, m, day{static_cast<unsigned>(before.number(2))}};
    seconds time = has_seconds ? after.time() : after.hour_and_minute();
    if (!before.done() || !after.done() || !date.ok())
        return std::nullopt;

    std::string_view rest = text.substr(has_seconds ? 19 : 16);
    if (has_seconds && rest.starts_with('.')) {
        std::size_t digits = 1;
        while (digits < rest.size() && weir::detail::is_digit(rest[digits]))
            ++digits;
        if (digits == 1)
            return std::nullopt;
        time += seconds{rest.substr(1, digits - 1).find_first_not_of('0') == std::string_view::npos ? 0 : 1};
        rest.remove_prefix(digits);
    }
    const auto zone = parse_zone(rest);
    if (!zone)
        return std::nullopt;
    return std::chrono::sys_days{date} + time - *zone;
}

/// Reads a point in time: an HTTP-date, also with a zone other than GMT, or an ISO 8601 date.
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> parse_point(std::string_view text,
                                                                         std::chrono::system_clock::time_point now) {
    if (const auto date = parse_http_date(text, now))
        return date;
    if (const auto date = parse_iso_date(text))
        return date;
    const std::size_t space = text.rfind(' ');
    if (space == std::string_view::npos)
        return std::nullopt;
    const auto zone = parse_zone(text.substr(space));
    const auto date = zone ? parse_http_date(std::string{text.substr(0, space)} + " GMT", now) : std::nullopt;
    return date ? std::optional{*date - *zone} : std::nullopt;
}

/// The date in the fields of that name; nothing if they differ or one is malformed.
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> only_date(const headers& fields, std::string_view name,
                                                                       std::chrono::system_clock::time_point now) {
    std::optional<std::chrono::sys_seconds> out;
    for (const header& h : fields) {
        if (!weir::detail::same_ignoring_case(h.name, name))
            continue;
        const auto date = parse_http_date(h.value, now);
        if (!date || (out && *out != *date))
            return std::nullopt;
        out = date;
    }
    return out;
}

/// Reads when a server says to come back, in every field that says it. A value is a number (see `reset_unit`), a span
/// with its units, an HTTP-date or an ISO 8601 date. Everything is rounded up to milliseconds at most.
///
/// A point in time is measured against the response's `Date` if that is valid, else against `now`: the two clocks may
/// differ by minutes. One in the past gives 0. A time above `longest_retry_after` is cut to it. But a number that is
/// taken for a point in time and is that far away is no time: it is a sentinel, or counts something else.
class time_reader {
public:
    time_reader(const headers& fields, std::chrono::system_clock::time_point now) : fields_(fields), now_(now) {}

    /// The time from the response until the point that `text` states; of several values, with ", " between them, the
    /// longest. Values that cannot be read are skipped. Parameters (`;w=60`) are ignored.
    [[nodiscard]] std::optional<duration> read(std::string_view text, reset_unit unit = reset_unit::guessed) const {
        std::optional<duration> longest;
        for (bool more = true; more;) {
            std::size_t end = text.find(',');
            if (end != std::string_view::npos && is_weekday(weir::detail::trim(text.substr(0, end))))
                end = text.find(',', end + 1);
            more = end != std::string_view::npos;
            if (const auto span = value(text.substr(0, end), unit); span && (!longest || *span > *longest))
                longest = span;
            text.remove_prefix(more ? end + 1 : text.size());
        }
        return longest;
    }
    /// The same for a number.
    [[nodiscard]] std::optional<duration> number(loose_number n, reset_unit unit = reset_unit::guessed) const {
        using std::chrono::milliseconds;
        const bool is_guessed = unit == reset_unit::guessed;
        if (is_guessed)
            unit = n.floor() > 1'000'000'000'000 ? reset_unit::epoch_milliseconds
                   : n.floor() > 1'000'000'000   ? reset_unit::epoch_seconds
                                                 : reset_unit::seconds;
        const milliseconds as_seconds{n.thousandths_up()};
        const milliseconds as_milliseconds{n.thousandths / 1000 + (n.thousandths % 1000 != 0 || n.and_more ? 1 : 0)};
        switch (unit) {
        case reset_unit::epoch_seconds:
            return until(as_seconds, is_guessed);
        case reset_unit::epoch_milliseconds:
            return until(as_milliseconds, is_guessed);
        case reset_unit::milliseconds:
            return clamped(as_milliseconds);
        case reset_unit::guessed:
        case reset_unit::seconds:
            break;
        }
        return clamped(as_seconds);
    }

private:
    [[nodiscard]] static bool is_weekday(std::string_view word) noexcept {
        return std::any_of(weekdays.begin(), weekdays.end(),
                           [word](std::string_view day) { return word == day || word == day.substr(0, 3); });
    }
    // Up to 10^18 ms are compared: as nanoseconds they would not fit.
    static constexpr auto max = std::chrono::duration_cast<std::chrono::milliseconds>(longest_retry_after);

    [[nodiscard]] static duration clamped(std::chrono::milliseconds span) noexcept {
        return std::clamp(span, std::chrono::milliseconds{0}, max);
    }
    [[nodiscard]] std::optional<duration> until(std::chrono::milliseconds since_1970, bool is_guessed) const {
        const auto date = only_date(fields_, "Date", now_);
        const auto from = date ? *date : std::chrono::floor<std::chrono::seconds>(now_);
        const std::chrono::milliseconds span = since_1970 - from.time_since_epoch();
        if (is_guessed && span >= max)
            return std::nullopt;
        return clamped(span);
    }
    [[nodiscard]] std::optional<duration> value(std::string_view text, reset_unit unit) const {
        text = weir::detail::trim(text.substr(0, text.find(';')));
        if (const auto n = parse_loose_number(text))
            return number(*n, unit);
        if (const auto span = parse_span(text))
            return span;
        const auto date = parse_point(text, now_);
        return date ? until(date->time_since_epoch(), false) : std::nullopt;
    }

    const headers& fields_;
    std::chrono::system_clock::time_point now_;
};

}  // namespace weir::http::detail
