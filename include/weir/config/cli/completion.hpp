// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/detail/completion_scripts.hpp"
#include "weir/config/detail/spelling.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// The shells that can complete arguments.
inline constexpr std::array<std::string_view, 3> completion_shells{"bash", "zsh", "fish"};

/// The `--rate...` flags for a shell's completion; `presets` are the names that `--rate-preset` takes.
template <std::ranges::input_range Names = std::array<std::string_view, 0>>
[[nodiscard]] std::vector<completed_flag> completed_rate_flags(const Names& presets = {}) {
    std::vector<completed_flag> out;
    for (const flag_rule& rule : flag_rules) {
        completed_flag flag{std::string{rule.name}, std::string{rule.argument}, std::string{rule.meaning}};
        flag.optional = rule.kind == flag_kind::on || rule.kind == flag_kind::explain;
        flag.file = rule.kind == flag_kind::file;
        if (flag.argument.starts_with("[="))
            flag.argument = flag.argument.substr(2, flag.argument.size() - 3);
        if (rule.kind == flag_kind::preset)
            flag.words.assign(std::ranges::begin(presets), std::ranges::end(presets));
        else if (rule.kind == flag_kind::on && !rule.argument.empty())
            flag.words = {"true", "false"};
        else if (const auto* leaf = detail::find_rule(process_rules, rule.path);
                 leaf != nullptr && !leaf->words.empty())
            for (const std::string_view word : detail::split(leaf->words, ","))
                flag.words.emplace_back(word);
        out.push_back(std::move(flag));
    }
    return out;
}

/// The script that completes a program's arguments in `shell`. Source it, or put it where the shell looks for scripts.
///
/// **Errors.** `errc::bad_request` for a shell that is not in `completion_shells`.
[[nodiscard]] inline result<std::string> completion(std::string_view shell, const completed_program& of) {
    if (shell == "bash")
        return detail::bash_completion(of);
    if (shell == "zsh")
        return detail::zsh_completion(of);
    if (shell == "fish")
        return detail::fish_completion(of);
    const std::string guess = closest_match(detail::lower(shell), completion_shells);
    return error{errc::bad_request, fmt::format("found {}; {}a shell is one of {}", detail::in_quotes(shell),
                                                guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess),
                                                fmt::join(completion_shells, ", "))};
}

}  // namespace weir
