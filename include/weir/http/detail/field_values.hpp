// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/stated_time.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"

#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http::detail {

/// Reads the values of a response's fields that have no grammar. A value that cannot be read is dropped, with a
/// sentence.
class field_values {
public:
    field_values(const headers& fields, std::chrono::system_clock::time_point now)
        : time{fields, now}, fields_(fields) {}

    const time_reader time;

    [[nodiscard]] std::optional<std::string> joined(std::string_view name) const { return fields_.joined(name); }
    [[nodiscard]] std::vector<std::string> take_dropped() noexcept { return std::move(dropped_); }
    void drop_as(std::string sentence) { dropped_.push_back(std::move(sentence)); }
    void drop(std::string_view field, std::string_view why) {
        dropped_.push_back(fmt::format("{} ignored: {}", field, why));
    }
    /// The value of that field. If it has several lines that differ, all of them joined.
    [[nodiscard]] std::optional<std::string> value_of(std::string_view name) const {
        const auto first = name.empty() ? std::nullopt : fields_.first(name);
        if (!first)
            return std::nullopt;
        for (const header& h : fields_)
            if (weir::detail::same_ignoring_case(h.name, name) && h.value != *first)
                return fields_.joined(name);
        return std::string{weir::detail::trim(*first)};
    }
    /// Reads a number. Of several, with ", " between them, the smallest counts: each is stated by one server on the
    /// way. Parameters (`0;w=21600`, Docker Hub's) are ignored.
    std::optional<std::int64_t> whole_of(std::string_view name) {
        const auto text = value_of(name);
        if (!text)
            return std::nullopt;
        std::optional<std::int64_t> smallest;
        std::string_view rest = *text;
        for (bool more = true; more;) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            const std::string_view one = rest.substr(0, end);
            const auto number = parse_loose_number(weir::detail::trim(one.substr(0, one.find(';'))));
            if (!number) {
                drop(name, fmt::format("{} is not a number from 0", weir::detail::in_quotes(*text)));
                return std::nullopt;
            }
            smallest = std::min(smallest.value_or(number->floor()), number->floor());
            more = end < rest.size();
            rest.remove_prefix(more ? end + 1 : end);
        }
        return smallest;
    }
    std::optional<duration> reset_of(std::string_view name, reset_unit unit = reset_unit::guessed) {
        const auto text = value_of(name);
        const auto span = text ? time.read(*text, unit) : std::nullopt;
        if (text && !span)
            drop(name, fmt::format("{} is neither a time nor a date", weir::detail::in_quotes(*text)));
        return span;
    }
    /// Reads a span with its unit, `1s`. A number without a unit is dropped.
    std::optional<duration> interval_of(std::string_view name) {
        const auto text = value_of(name);
        if (!text)
            return std::nullopt;
        const std::size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
        const duration unit = weir::detail::unit_length(std::string_view{*text}.substr(digits));
        std::int64_t count = 0;
        if (weir::detail::whole_number(std::string_view{*text}.substr(0, digits), count) && count > 0 &&
            unit != duration::zero())
            return count < rate::longest / unit ? count * unit : rate::longest;
        drop(name, fmt::format("{} is not a time with its unit, such as 1s", weir::detail::in_quotes(*text)));
        return std::nullopt;
    }

private:
    const headers& fields_;
    std::vector<std::string> dropped_;
};

}  // namespace weir::http::detail
