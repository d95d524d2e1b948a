// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"
#include "weir/config/value.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace weir::detail {

/// A checked value in its canonical spelling, which a configuration can read again.
[[nodiscard]] inline std::string text_of(const leaf_rule& rule, const checked_value& value) {
    return std::visit(
        [&rule](const auto& v) -> std::string {
            using type = std::remove_cvref_t<decltype(v)>;
            if constexpr (std::is_same_v<type, std::monostate>) {
                return std::string{rule.may_be_none() ? rule.none_word : "none"};
            } else if constexpr (std::is_same_v<type, bool>) {
                return v ? "true" : "false";
            } else if constexpr (std::is_same_v<type, duration>) {
                return fmt::format("{}", std::chrono::duration<double, std::milli>{v}.count());
            } else if constexpr (std::is_same_v<type, std::vector<rate>>) {
                std::string out;
                for (const rate& r : v)
                    out.append(out.empty() ? "" : ", ").append(config_text(r));
                return out.empty() ? "none" : out;
            } else if constexpr (std::is_same_v<type, std::vector<std::string>>) {
                return fmt::format("{}", fmt::join(v, ", "));
            } else {
                return fmt::format("{}", v);
            }
        },
        value);
}

/// The value of a leaf that is not set, or a text in its place if it depends on the role.
template <class Owner>
[[nodiscard]] std::string default_text(const member_rule<Owner>& rule) {
    static const Owner untouched{};
    return rule.no_default.empty() ? text_of(rule, rule.value_in(untouched)) : std::string{rule.no_default};
}

/// The `text_of` the value of a text. A refused text stays unchanged, and a secret is not read.
[[nodiscard]] inline std::string canonical_text(const leaf_rule& rule, std::string_view written) {
    if (rule.secret)
        return std::string{written};
    layer holder;
    holder.add_text({rule.name}, written, source_location{});
    std::vector<fault> faults;
    const auto value = value_check{rule, holder, holder.leaves().front(), faults}();
    return value ? text_of(rule, *value) : std::string{written};
}

}  // namespace weir::detail
