// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/field_values.hpp"
#include "weir/http/detail/ratelimit_items.hpp"
#include "weir/http/detail/ratelimit_names.hpp"
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

/// Reads the limits that services state in fields of their own.
class service_reader {
public:
    service_reader(field_values& values, std::vector<quota>& quotas) noexcept : values_(values), quotas_(quotas) {}

    void read_all() {
        for (const auto& names : wire::services)
            read_service(names);
        for (const auto& [limits, used] : wire::window_lists)
            read_windows(limits, used);
    }

private:
    void read_service(const wire::service_fields& names) {
        quota q{.resource = std::string{names.resource}, .from = names.limit.empty() ? names.remaining : names.limit};
        if (names.is_used_of_limit) {
            const auto text = values_.value_of(names.limit);
            if (!text)
                return;
            const auto pair = number_pair(*text, '/');
            if (!pair || pair->first > pair->second)
                return values_.drop(names.limit,
                                    fmt::format("{} is not used/limit, such as 39/40", weir::detail::in_quotes(*text)));
            q.reported.limit = pair->second;
            q.reported.remaining = pair->second - pair->first;
        } else {
            q.reported.limit = values_.whole_of(names.limit);
            q.reported.remaining = values_.whole_of(names.remaining);
        }
        if (!q.reported.remaining && !q.reported.limit)
            return;
        // The limit alone may belong to another form of the same fields.
        if (!q.reported.remaining && names.window == duration::zero())
            return;
        q.reported.reset = values_.reset_of(names.reset, reset_unit::guessed);
        if (names.window > duration::zero())
            q.reported.window = names.window;
        if (const auto interval = values_.whole_of(names.interval); interval && *interval > 0)
            q.reported.window =
                *interval < rate::longest / names.interval_unit ? *interval * names.interval_unit : rate::longest;
        // A service that states its window in a field has a fixed one.
        if (!names.interval.empty() && q.reported.remaining == 0 && !q.reported.reset)
            q.reported.reset = q.reported.window;
        quotas_.push_back(std::move(q));
    }
    /// Two whole numbers with `between` between them.
    [[nodiscard]] static std::optional<std::pair<std::int64_t, std::int64_t>> number_pair(std::string_view text,
                                                                                          char between) noexcept {
        const std::size_t at = text.find(between);
        std::int64_t first = 0, second = 0;
        if (at == std::string_view::npos ||
            !weir::detail::whole_number(weir::detail::trim(text.substr(0, at)), first) ||
            !weir::detail::whole_number(weir::detail::trim(text.substr(at + 1)), second))
            return std::nullopt;
        if (first > max_number || second > max_number)
            return std::nullopt;
        return std::pair{first, second};
    }
    /// Reads a list of whole windows, `20:1,100:120`. False if it is malformed.
    [[nodiscard]] static bool parse_windows(std::string_view text,
                                            std::vector<std::pair<std::int64_t, std::int64_t>>& out) {
        for (bool more = true; more;) {
            const std::size_t end = std::min(text.find(','), text.size());
            const auto one = number_pair(text.substr(0, end), ':');
            if (!one || one->second < 1 || out.size() == max_quotas)
                return false;
            out.push_back(*one);
            more = end < text.size();
            text.remove_prefix(more ? end + 1 : end);
        }
        return true;
    }
    void read_windows(std::string_view limits, std::string_view used) {
        const auto text = values_.value_of(limits);
        if (!text)
            return;
        std::vector<std::pair<std::int64_t, std::int64_t>> all, counts;
        if (!parse_windows(*text, all))
            return values_.drop(limits, fmt::format("{} is not a list of windows such as 20:1,100:120",
                                                    weir::detail::in_quotes(*text)));
        if (const auto count = values_.value_of(used); count && !parse_windows(*count, counts))
            values_.drop(
                used, fmt::format("{} is not a list of windows such as 20:1,100:120", weir::detail::in_quotes(*count)));
        for (const auto& [limit, seconds] : all) {
            quota q{.resource = std::string{limits}, .from = limits};
            q.reported.limit = limit;
            q.reported.window =
                seconds < rate::longest / std::chrono::seconds{1} ? std::chrono::seconds{seconds} : rate::longest;
            for (const auto& count : counts)
                if (count.second == seconds)
                    q.reported.remaining = std::max<std::int64_t>(0, limit - count.first);
            quotas_.push_back(std::move(q));
        }
    }

    static constexpr std::int64_t max_number = 999'999'999'999'999;  // as in every other field

    field_values& values_;
    std::vector<quota>& quotas_;
};

}  // namespace weir::http::detail
