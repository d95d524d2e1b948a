// SPDX-License-Identifier: MIT
#include "log_time.hpp"

#include "log_format.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::tools {

std::int64_t front_reader::digits(std::size_t count) {
    good_ = good_ && count <= 18 && rest_.size() >= count;
    std::int64_t value = 0;
    for (std::size_t i = 0; good_ && i < count; ++i) {
        good_ = rest_[i] >= '0' && rest_[i] <= '9';
        value = value * 10 + (rest_[i] - '0');
    }
    if (!good_)
        return 0;
    rest_.remove_prefix(count);
    return value;
}

std::int64_t front_reader::number() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    good_ = good_ && count > 0;
    return digits(count);
}

void front_reader::literal(std::string_view text) {
    good_ = good_ && rest_.starts_with(text);
    if (good_)
        rest_.remove_prefix(text.size());
}

bool front_reader::optional(std::string_view text) {
    if (!good_ || !rest_.starts_with(text))
        return false;
    rest_.remove_prefix(text.size());
    return true;
}

std::int64_t front_reader::log_date() {
    static constexpr std::array<std::string_view, 12> months{"Jan/", "Feb/", "Mar/", "Apr/", "May/", "Jun/",
                                                             "Jul/", "Aug/", "Sep/", "Oct/", "Nov/", "Dec/"};
    const auto day = digits(2);
    literal("/");
    unsigned month = 0;
    for (unsigned i = 0; i < months.size() && month == 0; ++i)
        if (optional(months[i]))
            month = i + 1;
    const auto year = digits(4);
    literal(":");
    return clock(year, month, static_cast<unsigned>(day));
}

std::int64_t front_reader::iso_date() {
    const auto year = digits(4);
    literal("-");
    const auto month = digits(2);
    literal("-");
    const auto day = digits(2);
    literal("T");
    return clock(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
}

std::int64_t front_reader::clock(std::int64_t year, unsigned month, unsigned day) {
    const auto hour = digits(2);
    literal(":");
    const auto minute = digits(2);
    literal(":");
    const auto second = digits(2);
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)}, std::chrono::month{month},
                                           std::chrono::day{day}};
    // 64 bits of nanoseconds end in 2262.
    good_ = good_ && year >= 1970 && year <= 2200 && date.ok() && hour < 24 && minute < 60 && second < 60;
    if (!good_)
        return 0;
    const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * one_second;
}

std::int64_t front_reader::zone(std::string_view divider) {
    const bool west = optional("-");
    if (!west)
        literal("+");
    const auto hours = digits(2);
    literal(divider);
    const auto minutes = digits(2);
    good_ = good_ && hours < 24 && minutes < 60;
    const auto ahead = (hours * 60 + minutes) * 60 * one_second;
    return west ? -ahead : ahead;
}

}  // namespace weir::tools
