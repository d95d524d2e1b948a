// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/cli11/rate_flags.hpp"

#include "weir/config/cli/completion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cli11 {

namespace detail {

/// Whether a value is a path. CLI11's validators of files and folders state it in the type's name.
[[nodiscard]] inline bool is_path(const std::string& type) {
    constexpr std::array<std::string_view, 3> paths{"FILE", "PATH", "DIR"};
    return std::ranges::any_of(paths, [&](std::string_view p) { return type.find(p) != std::string::npos; });
}

/// The possible arguments after one app's name. Our flags may follow each app.
template <class Names>
[[nodiscard]] completed_command completed_app(const CLI::App& app, const Names& presets) {
    completed_command out;
    for (const CLI::Option* option : app.get_options()) {
        const bool takes_value = option->get_items_expected_max() > 0;
        const std::string type = takes_value ? option->get_type_name() : "";
        out.files = out.files || (option->get_positional() && is_path(type));
        if (option->get_group().empty())  // the help hides it too
            continue;
        for (const std::string& long_name : option->get_lnames()) {
            const std::string name = "--" + long_name;
            if (std::ranges::find(flag_rules, name, &flag_rule::name) == flag_rules.end())
                out.flags.push_back({name,
                                     takes_value && type.empty() ? "VALUE" : type,
                                     option->get_description(),
                                     takes_value && option->get_items_expected_min() == 0,
                                     is_path(type),
                                     {}});
        }
    }
    for (completed_flag& flag : completed_rate_flags(presets))
        out.flags.push_back(std::move(flag));
    return out;
}

}  // namespace detail

/// A program for `weir::completion`: the app's long flags, and our flags with the names of `presets`. If the app has
/// subcommands, they are completed, each with its own flags and our flags.
template <std::ranges::input_range Names = std::array<std::string_view, 0>>
[[nodiscard]] completed_program completed(std::string name, const rate_flags& rate, const Names& presets = {}) {
    completed_program out{std::move(name), {}};
    const auto named = [](const CLI::App* sub) { return !sub->get_name().empty(); };
    for (const CLI::App* sub : rate.app().get_subcommands(named)) {
        completed_command command = detail::completed_app(*sub, presets);
        command.name = sub->get_name();
        command.meaning = sub->get_description();
        out.commands.push_back(std::move(command));
    }
    if (out.commands.empty())
        out.commands.push_back(detail::completed_app(rate.app(), presets));
    return out;
}

}  // namespace weir::cli11
