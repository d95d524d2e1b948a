// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

namespace detail {

inline constexpr std::array<std::string_view, 7> weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                          "Thursday", "Friday", "Saturday"};
inline constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads a date from left to right. After the first mismatch every read fails.
class date_scanner {
public:
    constexpr explicit date_scanner(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] constexpr bool done() const noexcept { return good_ && rest_.empty(); }
    constexpr void literal(std::string_view text) noexcept {
        good_ = good_ && rest_.starts_with(text);
        if (good_)
            rest_.remove_prefix(text.size());
    }
    /// A number of exactly `digits` digits.
    constexpr int number(std::size_t digits) noexcept {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            good_ = good_ && !rest_.empty() && weir::detail::is_digit(rest_.front());
            if (!good_)
                return 0;
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    /// The name of a weekday, in full or its first three letters. It is not checked against the date.
    constexpr void weekday(bool in_full) noexcept {
        for (const std::string_view day : weekdays) {
            const std::string_view name = in_full ? day : day.substr(0, 3);
            if (!rest_.starts_with(name))
                continue;
            rest_.remove_prefix(name.size());
            return;
        }
        good_ = false;
    }
    constexpr std::chrono::month month() noexcept {
        for (unsigned i = 0; i < months.size(); ++i) {
            if (!rest_.starts_with(months[i]))
                continue;
            rest_.remove_prefix(3);
            return std::chrono::month{i + 1};
        }
        good_ = false;
        return {};
    }
    /// A day of the month: two digits, or one digit after a space, as asctime writes it.
    constexpr std::chrono::day day(bool spaced) noexcept {
        if (spaced && rest_.starts_with(' ')) {
            rest_.remove_prefix(1);
            return std::chrono::day{static_cast<unsigned>(number(1))};
        }
        return std::chrono::day{static_cast<unsigned>(number(2))};
    }
    constexpr std::chrono::minutes hour_and_minute() noexcept {
        const int h = number(2);
        literal(":");
        const int m = number(2);
        good_ = good_ && h < 24 && m < 60;
        return std::chrono::hours{h} + std::chrono::minutes{m};
    }
    constexpr std::chrono::seconds time() noexcept {
        const auto minutes = hour_and_minute();
        literal(":");
        const int s = number(2);
        good_ = good_ && s <= 60;  // 60: a leap second
        return minutes + std::chrono::seconds{s};
    }

private:
    std::string_view rest_;
    bool good_ = true;
};

}  // namespace detail

/// Reads an HTTP-date (RFC 9110 §5.6.7) in any of its three forms, whatever the locale.
///
/// `now` decides the century of a two-digit year: a year more than 50 years after `now` is taken from the past.
/// **Errors.** Nothing if the text has none of the forms, or the day does not exist.
[[nodiscard]] constexpr std::optional<std::chrono::sys_seconds>
parse_http_date(std::string_view text, std::chrono::system_clock::time_point now) noexcept {
    using std::chrono::year, std::chrono::year_month_day, std::chrono::sys_days;
    text = weir::detail::trim(text);
    detail::date_scanner in{text};
    year_month_day date{};
    std::chrono::seconds time{};
    bool two_digits = false;

    if (const auto comma = text.find(','); comma == 3) {  // Sun, 06 Nov 1994 08:49:37 GMT
        in.weekday(false);
        in.literal(", ");
        const auto day = in.day(false);
        in.literal(" ");
        const auto month = in.month();
        in.literal(" ");
        date = year_month_day{year{in.number(4)}, month, day};
        in.literal(" ");
        time = in.time();
        in.literal(" GMT");
    } else if (comma != std::string_view::npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
        in.weekday(true);
        in.literal(", ");
        const auto day = in.day(false);
        in.literal("-");
        const auto month = in.month();
        in.literal("-");
        date = year_month_day{year{in.number(2)}, month, day};
        two_digits = true;
        in.literal(" ");
        time = in.time();
        in.literal(" GMT");
    } else {  // Sun Nov  6 08:49:37 1994
        in.weekday(false);
        in.literal(" ");
        const auto month = in.month();
        in.literal(" ");
        const auto day = in.day(true);
        in.literal(" ");
        time = in.time();
        in.literal(" ");
        date = year_month_day{year{in.number(4)}, month, day};
    }
    if (!in.done())
        return std::nullopt;
    if (two_digits) {
        const year_month_day today{std::chrono::floor<std::chrono::days>(now)};
        const int century = static_cast<int>(today.year()) / 100 * 100;
        // Tries the centuries from the next one downwards, and takes the first that is at most 50 years ahead. A leap
        // day skips years without one.
        const int short_year = static_cast<int>(date.year());
        const auto limit = std::chrono::floor<std::chrono::seconds>(now) - sys_days{today} +
                           sys_days{year_month_day{today.year() + std::chrono::years{50}, today.month(),
                                                   std::chrono::day{today.month() == std::chrono::February &&
                                                                            today.day() == std::chrono::day{29}
                                                                        ? 28U
                                                                        : static_cast<unsigned>(today.day())}}};
        for (int base = century + 100;; base -= 100) {
            date = year_month_day{year{base + short_year}, date.month(), date.day()};
            if (date.ok() && sys_days{date} + time <= limit)
                break;
            if (base < century - 300)
                return std::nullopt;
        }
    }
    if (!date.ok())
        return std::nullopt;
    return sys_days{date} + time;
}

/// The date in the form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`. **Preconditions.** A year of 0 to 9999.
[[nodiscard]] inline std::string to_http_date(std::chrono::sys_seconds at) {
    const auto midnight = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{midnight};
    const std::chrono::hh_mm_ss time{at - midnight};
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       detail::weekdays[std::chrono::weekday{midnight}.c_encoding()].substr(0, 3),
                       static_cast<unsigned>(date.day()), detail::months[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                       time.seconds().count());
}

}  // namespace weir::http
