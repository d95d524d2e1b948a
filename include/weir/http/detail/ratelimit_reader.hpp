// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/field_values.hpp"
#include "weir/http/detail/ratelimit_items.hpp"
#include "weir/http/detail/ratelimit_names.hpp"
#include "weir/http/detail/service_reader.hpp"
#include "weir/http/detail/stated_time.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/quota.hpp"
#include "weir/http/structured_fields.hpp"

#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir::http::detail {

/// Reads the quotas of one response. Each field is read into a list of its own, which is added to the result only if
/// the whole field is well formed.
class ratelimit_reader {
public:
    ratelimit_reader(const headers& fields, std::chrono::system_clock::time_point now, reset_unit unit)
        : values_(fields, now), unit_(unit) {}

    [[nodiscard]] quota_reading read() && {
        read_policies();
        if (!read_state()) {
            for (const auto& names : wire::singles)
                if (read_singles(names))
                    break;
        }
        read_concurrency();
        service_reader{values_, out_.quotas}.read_all();
        out_.dropped = values_.take_dropped();
        return std::move(out_);
    }

private:
    void read_policies() {
        const auto text = values_.joined(wire::policy_field);
        if (!text)
            return;
        const auto all = sf::parse_list(*text);
        if (!all)
            return values_.drop(wire::policy_field, all.error().message);
        std::vector<quota> good;
        std::vector<std::string> foreign, notes;
        const fault why = for_items(*all, [&](const sf::item& one) -> fault {
            if (one.value.index() != std::get<sf::item>(all->front()).value.index())
                return "either all policies have a name or none has";
            quota q{.from = wire::policy_field};
            bool known = true;
            const fault f = read_policy(one, q, known);
            if (f.empty() && known) {
                good.push_back(std::move(q));
            } else if (f.empty()) {
                notes.push_back(fmt::format("policy {} of {} ignored: its quota unit is none of requests, "
                                            "content-bytes, concurrent-requests",
                                            weir::detail::in_quotes(q.name), wire::policy_field));
                foreign.push_back(std::move(q.name));
            }
            return f;
        });
        if (!why.empty())
            return values_.drop(wire::policy_field, why);
        out_.quotas = std::move(good);
        for (std::string& note : notes)
            values_.drop_as(std::move(note));
        foreign_ = std::move(foreign);
    }

    /// False if there is no well-formed field of that name.
    bool read_state() {
        const auto text = values_.joined(wire::state_field);
        if (!text)
            return false;
        const auto all = sf::parse_list(*text);
        if (!all) {
            if (const auto old = sf::parse_dictionary(*text))
                return read_dictionary(*old);
            return values_.drop(wire::state_field, all.error().message), false;
        }
        std::vector<quota> good;
        const fault why = for_items(*all, [&](const sf::item& one) {
            return read_remaining(one, values_.time, good.emplace_back(quota{.from = wire::state_field}));
        });
        if (!why.empty())
            return values_.drop(wire::state_field, why), false;
        for (quota& q : good)
            join(std::move(q));
        return true;
    }
    /// Adds the state (remaining, reset) to the policy of the same name and partition.
    void join(quota&& state) {
        if (std::find(foreign_.begin(), foreign_.end(), state.name) != foreign_.end())
            return;  // its policy has an unknown unit
        for (quota& q : out_.quotas) {
            if (q.reported.remaining || q.name != state.name ||
                (q.partition && state.partition && *q.partition != *state.partition))
                continue;
            q.reported.remaining = state.reported.remaining;
            q.reported.reset = state.reported.reset;
            if (state.partition)
                q.partition = std::move(state.partition);
            return;
        }
        out_.quotas.push_back(std::move(state));
    }

    // The older forms have one quota without a name. Its window is that of the policy with the same limit.

    bool read_dictionary(const sf::dictionary& all) {
        quota q{.from = wire::state_field};
        // The service Close sends its reset as a decimal.
        const auto number = [&all](std::string_view key, std::optional<std::int64_t>& thousandths) {
            const sf::member* const m = all.find(key);
            if (m == nullptr)
                return true;
            const auto* const one = std::get_if<sf::item>(m);
            if (one == nullptr)
                return false;
            if (const auto* whole = std::get_if<std::int64_t>(&one->value))
                thousandths = *whole * 1000;
            else if (const auto* decimal = std::get_if<sf::decimal>(&one->value))
                thousandths = decimal->thousandths;
            return thousandths && *thousandths >= 0;
        };
        std::optional<std::int64_t> limit, remaining, reset;
        if (!number(wire::dictionary_limit, limit) || !number(wire::dictionary_remaining, remaining) ||
            !number(wire::dictionary_reset, reset) || !remaining)
            return values_.drop(wire::state_field,
                                "it is neither \"default\";r=50;t=30 nor limit=100, remaining=50, reset=30"),
                   false;
        if (limit)
            q.reported.limit = *limit / 1000;
        q.reported.remaining = *remaining / 1000;
        if (reset)
            q.reported.reset = values_.time.number({.thousandths = *reset});
        join_nameless(std::move(q));
        return true;
    }
    void join_nameless(quota&& state) {
        for (quota& q : out_.quotas) {
            if (!q.name.empty() || q.reported.unit != limit_unit::requests || q.reported.remaining ||
                !state.reported.limit || q.reported.limit != state.reported.limit)
                continue;
            q.reported.remaining = state.reported.remaining;
            q.reported.reset = state.reported.reset;
            q.resource = std::move(state.resource);
            if (!q.reported.window)
                q.reported.window = state.reported.window;
            return;
        }
        out_.quotas.push_back(std::move(state));
    }

    /// Reads `100`, or the form of -00 to -04, `100, 100;w=10, 1000;w=3600`: the active limit, then all policies.
    std::optional<quota> limit_of(std::string_view name) {
        const auto text = values_.value_of(name);
        if (!text)
            return std::nullopt;
        quota q{.from = name};
        if (const auto number = parse_loose_number(*text)) {
            q.reported.limit = number->floor();
            return q;
        }
        if (const std::size_t slash = text->find('/'); slash != std::string::npos) {
            // ESI's: `600/15m`
            const auto number = parse_loose_number(weir::detail::trim(std::string_view{*text}.substr(0, slash)));
            const auto span = parse_span(weir::detail::trim(std::string_view{*text}.substr(slash + 1)));
            if (number && span && *span > duration::zero()) {
                q.reported.limit = number->floor();
                q.reported.window = std::min<duration>(*span, rate::longest);
                return q;
            }
        }
        const auto all = sf::parse_list(*text);
        std::vector<quota> good;
        const fault why = !all ? fault{"malformed"} : for_items(*all, [&good, name](const sf::item& one) -> fault {
            quota& policy = good.emplace_back(quota{.from = name});
            bool known = true;
            if (!std::holds_alternative<std::int64_t>(one.value))
                return "malformed";
            const fault f = read_policy(one, policy, known);
            return f.empty() && (!known || (good.size() > 1 && !policy.reported.window)) ? "malformed" : f;
        });
        if (!why.empty()) {
            values_.drop(name, fmt::format("{} is neither a number nor a list such as 100, 100;w=60",
                                           weir::detail::in_quotes(*text)));
            return std::nullopt;
        }
        q.reported.limit = good.front().reported.limit;
        q.reported.window = good.front().reported.window;
        out_.quotas.insert(out_.quotas.end(), std::next(good.begin()), good.end());
        return q;
    }
    /// False if none of the fields is present and well formed.
    bool read_singles(const wire::single_fields& names) {
        auto q = limit_of(names.limit);
        const auto remaining = values_.whole_of(names.remaining);
        auto reset = values_.reset_of(names.reset_after, reset_unit::seconds);
        if (!reset)
            reset = values_.reset_of(names.reset, unit_);
        if (!reset)
            reset = values_.reset_of(names.retry_after, reset_unit::guessed);
        const auto interval = values_.interval_of(names.interval);
        if (!q && !remaining && !reset)
            return false;
        if (!q)
            q = quota{.from = remaining ? names.remaining : names.reset};
        q->reported.remaining = remaining;
        q->reported.reset = reset;
        if (interval)
            q->reported.window = interval;
        for (const std::string_view name : wire::resource_fields)
            if (const auto resource = values_.value_of(name); resource && q->resource.empty())
                q->resource = resource->substr(0, max_resource);
        join_nameless(std::move(*q));
        return true;
    }
    void read_concurrency() {
        if (const auto max = values_.whole_of(wire::concurrency_field))
            out_.quotas.push_back(
                {.reported = {.unit = limit_unit::concurrent_requests, .limit = max}, .from = wire::concurrency_field});
    }

    static constexpr std::size_t max_resource = 100;

    field_values values_;
    reset_unit unit_;
    quota_reading out_;
    std::vector<std::string> foreign_;  ///< names of policies with an unknown unit
};

}  // namespace weir::http::detail
