// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/feedback.hpp"

#include "weir/core/policy.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// What an answer says about limits, in sentences for people and logs.
struct feedback_text {
    std::vector<std::string> used{};     ///< one for each statement that was understood and is obeyed
    std::vector<std::string> dropped{};  ///< one for each that was not, and why
    std::string warning{};               ///< why the time that it states may be an error; "" = it is not suspicious
};

namespace detail {

/// `30 s`, `1.5 s`.
[[nodiscard]] inline std::string seconds_text(duration span) {
    const std::int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(span).count();
    std::string out = fmt::format("{}.{:03}", ms / 1000, ms % 1000);
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.')
        out.pop_back();
    return out + " s";
}

[[nodiscard]] inline std::string limit_text(const reported_limit& l) {
    std::string out = "limit";
    if (!l.of.empty())
        out.append(" ").append(in_quotes(l.of));
    out += ':';
    const char* between = " ";
    const auto add = [&](std::string text) {
        out.append(between).append(text);
        between = ", ";
    };
    if (l.limit)
        add(fmt::format("{} {}", *l.limit, to_string(l.unit)));
    if (l.window)
        add(fmt::format("in {}", seconds_text(*l.window)));
    if (l.remaining)
        add(fmt::format("{} left", *l.remaining));
    if (l.reset)
        add(fmt::format("more in {}", seconds_text(*l.reset)));
    return out;
}

/// A number for the kind of things that an answer says about limits, without what changes with each answer. 0 = it says
/// nothing.
[[nodiscard]] inline std::uint32_t kind_of(const feedback& said, bool is_refused) noexcept {
    if (!is_refused && !said.retry_after && said.limits.empty() && said.dropped.empty())
        return 0;
    std::uint32_t hash = 2'166'136'261U;  // FNV-1a
    const auto mix = [&hash](std::uint64_t value) {
        for (; value != 0; value >>= 8)
            hash = (hash ^ static_cast<std::uint32_t>(value & 255U)) * 16'777'619U;
        hash = (hash ^ 1U) * 16'777'619U;
    };
    const auto mix_text = [&](std::string_view text) {
        for (const char c : text)
            mix(static_cast<unsigned char>(c));
    };
    mix(is_refused ? static_cast<std::uint64_t>(said.status) + 2 : 1);
    mix(said.retry_after ? 1 : 0);
    for (const reported_limit& l : said.limits) {
        mix_text(l.of);
        mix(static_cast<std::uint64_t>(l.unit));
        mix(static_cast<std::uint64_t>(l.limit.value_or(-1)));
        mix(static_cast<std::uint64_t>(l.window.value_or(duration{}).count()));
        mix((l.remaining ? 1U : 0U) + (l.reset ? 2U : 0U));
    }
    for (const std::string& d : said.dropped)
        mix_text(std::string_view{d}.substr(0, d.find(':')));  // without the value
    return hash == 0 ? 1 : hash;
}

/// Whether the limits that an answer reports are obeyed.
[[nodiscard]] inline bool obeys_limits(const policy& p, bool is_refused) noexcept {
    return p.reported_limits == limit_trust::obey || (p.reported_limits == limit_trust::refusals && is_refused);
}

/// Describes an answer that stops its key for `span`.
[[nodiscard]] inline feedback_text describe(const policy& p, const feedback& said, bool is_refused, duration span) {
    constexpr duration day = std::chrono::hours{24};
    feedback_text out;
    if (is_refused)
        out.used.push_back(fmt::format("a refusal: status {}", said.status));
    if (said.retry_after)
        out.used.push_back(fmt::format("Retry-After: {}", seconds_text(*said.retry_after)));
    for (const reported_limit& l : said.limits)
        (obeys_limits(p, is_refused) ? out.used : out.dropped).push_back(limit_text(l));
    if (!said.limits.empty() && !obeys_limits(p, is_refused))
        out.dropped.emplace_back("limits ignored: reported_limits does not obey them");
    out.dropped.insert(out.dropped.end(), said.dropped.begin(), said.dropped.end());
    if (p.max_hold < forever && span > p.max_hold) {
        out.warning = fmt::format("the server asks to wait for {}, which is longer than max_hold_ms; requests are "
                                  "refused until then",
                                  seconds_text(span));
        if (span >= day)
            out.warning += fmt::format("; if it counts milliseconds, it means {}", seconds_text(span / 1000));
    }
    return out;
}

}  // namespace detail
}  // namespace weir
